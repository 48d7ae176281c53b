"""What is inside the files that barsctl writes: `barsctl inspect`.

A file's kind is found from its content. A reader for each kind says what it holds, or raises one of
our errors where the file is damaged.
"""
