"""The processes of an instance: those that the lines of the Procfile start, and the supervisors that keep them alive."""
