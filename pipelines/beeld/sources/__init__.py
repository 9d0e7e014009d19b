"""Protocol readers and the raw archive: bytes as received, checked at the door."""
