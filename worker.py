"""Start the workers of one queue: python worker.py encoding"""
