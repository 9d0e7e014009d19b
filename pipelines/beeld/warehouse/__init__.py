"""Build, check and publish an immutable release; read it back."""
