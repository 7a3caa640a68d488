"""What a person or a test may ask of the simulator itself, under /simulator: state, log, faults, inbound texts, reset.

It has no password, so the simulator listens on localhost only.
"""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.wrappers import Request, Response

from sender.simulated_errors import Refusal, shape
from sender.simulated_faults import Fault, read
from sender.simulated_store import SimulatedMessage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Controls(Protocol):
    """What the control addresses reach: see `simulator.Simulator`."""

    def state(self) -> dict[str, object]: ...
    def log(self) -> list[dict[str, object]]: ...
    def reset(self) -> None: ...
    def fail(self, *faults: Fault, script: Iterable[Fault] = (), seed: int | None = None) -> None: ...
    def text(self, from_: str, to: str, body: str, *, media: tuple[str, ...] = ()) -> SimulatedMessage: ...
    def verify(self, phone: str, status: str) -> None: ...


def control(simulator: Controls) -> Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]:
    """The WSGI application of the addresses under /simulator."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = _answer(simulator, request)
        except Refusal as refusal:
            response = _json(shape(refusal), int(refusal.status))
        except (ValueError, KeyError, TypeError) as error:
            response = _json({"message": f"not understood: {error}"}, HTTPStatus.BAD_REQUEST)
        return response(environ, start_response)

    return respond


def _answer(simulator: Controls, request: Request) -> Response:
    asked = (request.method, request.path.removeprefix("/simulator/").rstrip("/"))
    match asked:
        case ("GET", "state"):
            return _json(simulator.state())
        case ("GET", "log"):
            lines = "".join(json.dumps(line) + "\n" for line in simulator.log())
            return Response(lines, content_type="application/x-ndjson")
        case ("POST", "reset"):
            simulator.reset()
        case ("POST", "faults"):
            wanted = _fields(request)
            simulator.fail(
                *map(read, wanted.get("faults", [])),
                script=map(read, wanted.get("script", [])),
                seed=wanted.get("seed"),
            )
        case ("POST", "inbound"):
            wanted = _fields(request)
            message = simulator.text(str(wanted["From"]), str(wanted["To"]), str(wanted["Body"]))
            return _json({"sid": message.sid}, HTTPStatus.CREATED)
        case ("POST", "verifications"):
            wanted = _fields(request)
            simulator.verify(str(wanted["phone"]), str(wanted["status"]))
        case _:
            raise Refusal(20404, status=HTTPStatus.NOT_FOUND)
    return _json(simulator.state())


def _fields(request: Request) -> dict[str, Any]:
    wanted = request.get_json() if request.is_json else request.form.to_dict()
    if not isinstance(wanted, dict):
        raise ValueError("an object is expected")  # noqa: TRY004  # the caller answers 400 to a ValueError
    return wanted


def _json(body: object, status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json; charset=utf-8")
