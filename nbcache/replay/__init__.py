"""Recording a run and replaying it."""
