"""The processes of an instance: what the Procfile's lines start, and what keeps them alive."""
