"""How the command line reaches the daemon: address, token, lost answers, pages, and errors as sentences."""

import json
import threading

import httpx
import pytest

from agent.cli import client
from agent.cli.client import Daemon, save_token, saved_token, segment
from agent.cli.errors import DaemonRefused
from agent.config import Settings
from tests.agent.cli.daemon import PATIENCE_S, Call, Reply, Stub

TOKEN = "fabd_id_secret"


def asked(fabd, stub: Stub, *words, token=TOKEN):
    return fabd(*words, "--url", stub.url, "--token", token)


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (
            Reply(
                404, {"code": "notFound", "reason": "Not Found", "message": "there is no order 'x'; list them", "@type": "Error"}
            ),
            "there is no order 'x'; list them",
        ),
        (
            Reply(400, {"code": "c", "message": "port is not known", "referenceError": "#/serviceOrderItem/0"}),
            "/serviceOrderItem/0: port is not known",
        ),
        (
            Reply(409, {"code": "c", "message": "/a: taken; choose another", "referenceError": "#/a"}),
            "/a: taken; choose another",
        ),
        (
            Reply(
                409,
                {"type": "urn:fabd:problem:x", "title": "Conflict", "detail": "pe1 is not in doubt"},
                "application/problem+json",
            ),
            "pe1 is not in doubt",
        ),
        (
            Reply(400, {"type": "x", "detail": "both", "errors": [{"detail": "one", "pointer": "#/a"}, {"detail": "two"}]}),
            "/a: one\ntwo",
        ),
        (
            Reply(500, {"type": "x", "detail": "fabd made a mistake"}, headers={"X-Correlation-Id": "abc"}),
            "fabd made a mistake (correlation id abc)",
        ),
        (Reply(404, {"detail": "Not Found"}), "answers 404 Not Found, and not as fabd does; check --url"),
        (Reply(502, b"<html>Bad Gateway</html>", "text/html"), "answers 502 Bad Gateway, and not as fabd does; check --url"),
        (Reply(302, b"", headers={"Location": "https://login.example/"}), "it redirects to https://login.example/; correct --url"),
        (Reply(200, b"<html>welcome</html>", "text/html"), "does not answer as fabd does; check --url"),
        (Reply(200, ["not", "an object"]), "does not answer as fabd does; check --url"),
    ],
)
def test_whatever_is_answered_instead_of_the_object_is_told_in_a_sentence(fabd, reply, complaint):
    with Stub(lambda _: reply) as stub:
        said = asked(fabd, stub, "problem", "show", "x")
    assert said.code == 1
    assert said.complaint.endswith(complaint)
    assert said.out == ""


def test_a_daemon_that_is_not_there_is_named_with_the_remedy(fabd):
    said = fabd("order", "list", "--url", "http://127.0.0.1:1", "--token", TOKEN)
    assert said.code == 1
    assert said.complaint.startswith("fabd does not answer at http://127.0.0.1:1: ")
    assert said.complaint.endswith("start it with `fabd run`, or name another with --url or FABD_URL")


def test_a_daemon_that_does_not_answer_in_time_is_told(fabd, monkeypatch):
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.05)
    monkeypatch.setattr(client, "_ATTEMPTS", 1)
    free = threading.Event()

    def slow(_: Call) -> Reply:
        free.wait(60)
        return Reply(200, [])

    with Stub(slow) as stub:
        said = asked(fabd, stub, "order", "list")
        free.set()
    assert (said.code, said.complaint) == (1, f"fabd at {stub.url} did not answer within 0 s; look at its log")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--url", "ftp://x"], "'ftp://x' is no address of a daemon; write it as http://127.0.0.1:8640"),
        (["--url", "here"], "'here' is no address of a daemon; write it as http://127.0.0.1:8640"),
        (["--url", "http://127.0.0.1:1", "--token", "fabd\nx"], "the token holds characters that no token has; copy it again"),
        (["--url", "http://127.0.0.1:1", "--token", "ü"], "the token holds characters that no token has; copy it again"),
        ([], "no token: make one with `fabd token create NAME --role provisioner`"),
    ],
)
def test_a_call_that_cannot_be_made_is_refused_before_it_is(fabd, words, complaint):
    said = fabd("order", "list", *words)
    assert said.code == 1
    assert said.complaint.startswith(complaint)


def test_the_flag_goes_before_the_environment_before_the_saved_token(fabd, folder):
    (folder / "fabd-data").mkdir()
    save_token(Settings(), "saved")
    with Stub(lambda _: Reply(200, [])) as stub:
        fabd.ok("order", "list", "--url", stub.url)
        fabd.ok("order", "list", FABD_URL=stub.url, FABD_TOKEN="environment")
        fabd.ok("order", "list", "--token", "flag", FABD_URL=stub.url, FABD_TOKEN="environment")
    assert [call.headers["authorization"] for call in stub.calls] == [f"Bearer {name}" for name in ("saved", "environment", "flag")]


def test_the_address_comes_from_the_settings_unless_it_is_given(fabd, folder):
    with Stub(lambda _: Reply(200, [])) as stub:
        port = stub.url.rpartition(":")[2]
        (folder / "fabd.toml").write_text(f'[api]\nhost = "0.0.0.0"\nport = {port}\n')
        fabd.ok("order", "list", "--token", TOKEN)
    assert len(stub.calls) == 1


def test_a_saved_token_that_others_can_read_is_refused(fabd, folder):
    (folder / "fabd-data").mkdir()
    save_token(Settings(), TOKEN).chmod(0o640)
    said = fabd("order", "list")
    assert said.complaint == "fabd-data/token can be read by others than its owner; run: chmod 600 fabd-data/token"
    assert TOKEN not in said.err
    (folder / "fabd-data" / "token").chmod(0o600)
    assert saved_token(Settings()) == TOKEN


def test_a_token_that_leaves_the_machine_in_the_clear_is_remarked_on(fabd):
    said = fabd("order", "list", "--url", "http://fabd.invalid:1", "--token", TOKEN)
    assert "the token goes to fabd.invalid without encryption; better use https" in said.err
    assert said.code == 1


def test_an_answer_that_is_lost_is_asked_for_again_with_the_same_key(fabd, folder):
    (folder / "order.json").write_text("{}")
    replies = iter([Reply(broken=True), Reply(201, {"id": "ord-1", "state": "acknowledged"})])
    with Stub(lambda _: next(replies)) as stub:
        said = asked(fabd, stub, "order", "submit", "order.json")
    assert said.out == "order ord-1 is acknowledged; see it with: fabd order watch ord-1\n"
    first, second = stub.calls
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_what_has_no_key_is_sent_once(fabd):
    with Stub(lambda _: Reply(broken=True)) as stub:
        said = asked(fabd, stub, "bill", "send", "1")
    assert said.code == 1
    assert len(stub.calls) == 1


def test_when_no_answer_comes_the_key_is_told(fabd, folder):
    (folder / "order.json").write_text("{}")
    with Stub(lambda _: Reply(broken=True)) as stub:
        said = asked(fabd, stub, "order", "submit", "order.json")
    key = stub.calls[0].headers["idempotency-key"]
    assert len(stub.calls) == 3
    assert f"fabd order submit order.json --key {key}" in said.err
    assert said.code == 1


def paged(total: int):
    def reply(call: Call) -> Reply:
        query = httpx.QueryParams(call.path.partition("?")[2])
        offset, limit = int(query["offset"]), int(query["limit"])
        items = [{"id": f"evt-{n}"} for n in range(offset, min(offset + limit, total))]
        return Reply(200, items, headers={"X-Total-Count": str(total)})

    return reply


@pytest.mark.parametrize(
    ("total", "limit", "found", "calls"), [(0, 50, 0, 1), (50, 50, 50, 1), (250, 1000, 250, 3), (250, 120, 120, 2), (3, 2, 2, 1)]
)
def test_lists_are_fetched_page_by_page_up_to_the_limit(total, limit, found, calls):
    with Stub(paged(total)) as stub, httpx.Client(base_url=stub.url, timeout=PATIENCE_S, trust_env=False) as http:
        result = Daemon(http).pages("/events", limit=limit)
    assert [each["id"] for each in result.items] == [f"evt-{n}" for n in range(found)]
    assert (result.total, len(stub.calls)) == (total, calls)


def test_that_there_are_more_is_said(fabd):
    with Stub(paged(0)) as stub:
        assert asked(fabd, stub, "outbox", "list").err == "there are no such events\n"
    with Stub(paged(7)) as stub:
        said = asked(fabd, stub, "outbox", "list", "--limit", "2", "--json")
    assert [each["id"] for each in json.loads(said.out)] == ["evt-0", "evt-1"]
    assert said.err == "2 of 7; see more with --limit\n"


@pytest.mark.parametrize(("text", "step"), [("ord-1", "ord-1"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("..", ".."), ("ü", "%C3%BC")])
def test_an_id_is_one_step_of_a_path_whatever_it_holds(text, step):
    assert segment(text) == step


def test_an_id_that_is_empty_is_told_before_anybody_is_asked(fabd):
    with Stub(paged(0)) as stub:
        said = asked(fabd, stub, "alarm", "ack", "alm-1", "")
    assert said.complaint == "an id or name is empty; is a variable of the shell not set?"
    assert stub.calls == []


def test_proxies_of_the_environment_are_not_used(fabd):
    with Stub(lambda _: Reply(200, [])) as stub:
        fabd.ok(
            "order", "list", "--url", stub.url, "--token", TOKEN, HTTP_PROXY="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1"
        )


def test_a_refusal_carries_its_status():
    refusal = Reply(403, {"code": "notPermitted", "message": "no"})
    with Stub(lambda _: refusal) as stub, httpx.Client(base_url=stub.url) as http, pytest.raises(DaemonRefused) as refused:
        Daemon(http).get("/x")
    assert refused.value.status == 403
