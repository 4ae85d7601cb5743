"""The pages that a video team works in. Each is rendered on the server; htmx asks for its moving part again."""
