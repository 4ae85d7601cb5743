"""The command `pod-jobs`. One file per group of commands; `root.py` puts them together."""
