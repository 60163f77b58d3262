"""The HTTP of the sidecar: frontend API, backend API, public documents."""
