"""How a request travels to Twilio, and whether any byte of it left before something broke.

That one bit decides: nothing written means certainly not sent, whatever went wrong (refused, no such host, no TLS);
anything written means in doubt. It is read off the socket and not guessed from the class of the error, because TLS
errors look the same before the request and after it.
"""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Timeout

from sender.gateway_errors import InDoubt, Throttled, refusal

logging.getLogger("urllib3").setLevel(
    logging.INFO
)  # its debug lines hold addresses, and those the numbers we search for


class Wire:
    """One thread's connections to Twilio, or to `base_url` in its place; never retries, never follows a redirect.

    `connect` and `total` are seconds.
    """

    def __init__(self, *, base_url: str | None, connect: float, total: float) -> None:
        self._place = urlsplit(base_url) if base_url else None
        self._timeout = Timeout(connect=connect, total=total)
        self._session = requests.Session()
        self._session.trust_env = base_url is None  # a proxy for Twilio must not swallow a simulator on localhost
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self))
        self.written = False

    def exchange(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        data: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
    ) -> requests.Response:
        """The answer to a request, if it is a plain yes; raises Rejected, Throttled or InDoubt for anything else."""
        self.written = False
        try:
            response = self._session.request(
                method.upper(), self._address(url), params=params, data=data, headers=headers, auth=auth,
                timeout=self._timeout, allow_redirects=False,  # type: ignore[arg-type]  # requests takes urllib3's
            )  # fmt: skip
            response.encoding = "utf-8"  # never guessed: a body read wrongly would look like a message never sent
            text = response.text
        except (requests.RequestException, OSError, ValueError) as error:
            raise self._broken(error) from None
        problem = refusal(response.status_code, text, response.headers)
        if problem is not None:
            raise problem
        return response

    def _broken(self, error: Exception) -> InDoubt | Throttled:
        """Without the error's own text: it holds the address, and a listing's address holds a phone number."""
        kind = type(error).__name__
        if self.written:
            return InDoubt(f"The connection to Twilio broke after the request was written ({kind}).")
        return Throttled(f"Twilio could not be reached ({kind}).")

    def _address(self, url: str) -> str:
        if self._place is None:
            return url
        return urlunsplit(urlsplit(url)._replace(scheme=self._place.scheme, netloc=self._place.netloc))


class _Adapter(HTTPAdapter):
    def __init__(self, wire: Wire) -> None:
        self._pools = _watched(wire)
        super().__init__(pool_connections=8, pool_maxsize=4)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _watched(wire: Wire) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools whose connections tell the wire when the first byte of a request leaves.

    What is written while a connection opens (a proxy's CONNECT, TLS) is not yet the request.
    """

    class Noting:
        sock: object
        opened = False

        def connect(self) -> None:
            self.opened = False
            super().connect()  # type: ignore[misc]
            self.opened = True

        def send(self, data: object) -> None:
            if self.sock is None:
                self.connect()
            wire.written = wire.written or self.opened
            super().send(data)  # type: ignore[misc]

    class NotingHTTP(Noting, HTTPConnection):
        pass

    class NotingHTTPS(Noting, HTTPSConnection):
        pass

    class PoolHTTP(HTTPConnectionPool):
        ConnectionCls = NotingHTTP

    class PoolHTTPS(HTTPSConnectionPool):
        ConnectionCls = NotingHTTPS

    return {"http": PoolHTTP, "https": PoolHTTPS}
