"""What a run is told with: pure functions from a `RunRecord` to text.

Belongs here: the HTML page, the Markdown files, the terminal summary and the payloads of Prefect
artifacts. Does not belong here: measuring a run, or writing and publishing what is returned.
"""
