"""Data sets: uint8 images [count, size, size, channels] with int64 labels, in three parts."""
