"""The contract with an Esup-Pod 4.1, which orders by Celery and shares its media folder with its encoders (docs/pod.md).

messages.py and broker.py: what Pod puts on its broker. orders.py: what it asks for by that. results.py and shared_folder.py: what
it expects in return. Knows nothing of tasks and their catalog.
"""
