"""The embedded example: an invented country in the sources' own wire format, and a transport that replays it."""
