"""The HTTP client library: httpx2, the maintained successor with the same API, else httpx."""

try:
    import httpx2 as httpx
except ImportError:
    import httpx  # type: ignore[no-redef]

__all__ = ["httpx"]
