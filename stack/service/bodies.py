"""Request bodies with a limit: none of our endpoints needs more than a few hundred bytes."""

from starlette.requests import Request

LARGEST_BYTES = 16_384


class BodyTooLargeError(Exception):
    """The body passes the limit; the rest of it is not read."""

    def __init__(self) -> None:
        super().__init__(f"body: larger than {LARGEST_BYTES} bytes")


async def small_body(request: Request) -> bytes:
    """The whole body.

    Raises:
        BodyTooLargeError: it is larger than `LARGEST_BYTES`.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BYTES:
            raise BodyTooLargeError
        parts.append(part)
    return b"".join(parts)
