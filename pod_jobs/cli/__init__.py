"""The command `pod-jobs`. Each file has a group of its commands; `root.py` registers them."""
