"""Signed webhooks: only what the sender signed gets in, each once, under every preset; secrets change without a restart."""
import base64
import gzip
import hashlib
import hmac
import json
import time
import uuid

import pytest

from tests.support import leatd, places
from tests.support.hooks import Hooks

KEY = bytes(range(32))
SECRETS = {"plain": "hush", "old": "hush before", "whsec": "whsec_" + base64.b64encode(KEY).decode(), "hex": KEY.hex()}


def mac(text, key=b"hush", name="sha256"):
    return hmac.new(key, text, getattr(hashlib, name)).digest()


def b64(digest):
    return base64.b64encode(digest).decode()


def standard(prefix):
    def sign(body, name, at):
        signed = b64(mac(f"{name}.{at}.".encode() + body, KEY))
        return {f"{prefix}_id": name, f"{prefix}_timestamp": str(at), f"{prefix}_signature": "v1,AAAA v1," + signed}
    return sign


def slack(body, name, at, key=b"hush"):
    return {"X_Slack_Request_Timestamp": str(at),
            "X_Slack_Signature": "v0=" + mac(f"v0:{at}:".encode() + body, key).hex()}


def custom(body, name, at):
    return {"X_Sign": f"at={at},mac=" + mac(f"{at}/{name}/".encode() + body, KEY, "sha512").hex(), "X_Id": name}


SENDERS = {  # name: (secret, settings, headers of a request)
    "standard-webhooks": ("whsec", {}, standard("webhook")),
    "svix": ("whsec", {}, standard("svix")),
    "stripe": ("plain", {}, lambda body, name, at: {
        "Stripe_Signature": f"t={at},v1={mac(f'{at}.'.encode() + body).hex()}"}),
    "github": ("plain", {}, lambda body, name, at: {
        "X_Hub_Signature_256": "sha256=" + mac(body).hex(), "X_GitHub_Delivery": name}),
    "shopify": ("plain", {}, lambda body, name, at: {
        "X_Shopify_Hmac_SHA256": b64(mac(body)), "X_Shopify_Webhook_Id": name}),
    "slack": ("plain", {}, slack),
    "hookdeck": ("plain", {}, lambda body, name, at: {
        "x_hookdeck_signature": b64(mac(body)), "x_hookdeck_eventid": name}),
    "custom": ("hex", {"signature_text": "{part:at}/{header:X-Id}/{body}", "signature_header": "X-Sign",
                       "signature_prefix": "mac=", "signature_hash": "sha512", "signature_key": "hex",
                       "signature_timestamp": "part:at", "idempotency_key": "header:X-Id", "external_id": "header:X-Id"},
               custom),
}
TIMED = ["standard-webhooks", "svix", "stripe", "slack", "custom"]


def secret_file(directory, name, text=None):
    path = directory / f"{name}.secret"
    path.write_text((text or SECRETS[name]) + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture(scope="module")
def shared(built, tmp_path_factory):
    directory = tmp_path_factory.mktemp("signed")
    hooks = Hooks(directory, sources={
        preset.replace("-", "_"): {"type": "webhook", "authentication": "signature", "signature": preset,
                                    "secret_files": [secret_file(directory, secret)], **settings}
        for preset, (secret, settings, _) in SENDERS.items()}).start()
    yield hooks
    assert hooks.stop() == 0


def path(preset):
    return "/in/" + preset.replace("-", "_")


def request(preset, name=None, at=None, **more):
    """(body, headers) as the sender makes them."""
    name = name or f"n-{uuid.uuid4()}"
    body = json.dumps({"id": name, "event_id": name, **more}).encode()
    return body, SENDERS[preset][2](body, name, int(time.time()) if at is None else at)


def posts(hooks):
    return hooks.tail("--op", "post")


@pytest.mark.parametrize("preset", SENDERS)
def test_signed__is_stored_byte_for_byte_under_the_senders_id(shared, preset):
    name = f"n-{uuid.uuid4()}"
    body, headers = request(preset, name)
    status, answer, _ = shared.post(path(preset), body, **headers)
    assert status == 200, answer
    event = next(e for e in posts(shared) if e["id"] == answer["eventId"])
    assert event["text"].encode() == body and event["attrs"]["externalId"] == name


@pytest.mark.parametrize("preset", SENDERS)
def test_signed__sent_again_is_stored_once(shared, preset):
    name = f"n-{uuid.uuid4()}"
    body, headers = request(preset, name)
    first = shared.post(path(preset), body, **headers)[1]
    before = len(posts(shared))
    again = shared.post(path(preset), body, **headers, Idempotency_Key="of somebody who saw it")
    assert again[0] == 200 and again[1] == {**first, "duplicate": True}
    body, headers = request(preset, name, int(time.time()) + 2)  # a new try has a new time
    assert shared.post(path(preset), body, **headers)[1] == {**first, "duplicate": True}
    body, headers = request(preset, name, more=1)
    assert shared.post(path(preset), body, **headers)[0] == (200 if preset == "stripe" else 422)
    assert len(posts(shared)) == before


def refused(hooks, preset, body, headers, status=401):
    before = len(posts(hooks))
    got, problem, _ = hooks.post(path(preset), body, **headers)
    assert got == status == problem["status"], (preset, headers, problem)
    assert len(posts(hooks)) == before
    return problem["detail"]


@pytest.mark.parametrize("preset", SENDERS)
def test_refused__whatever_is_not_what_was_signed(shared, preset):
    body, headers = request(preset)
    refused(shared, preset, body + b" ", headers)
    refused(shared, preset, body[:-2] + b"1}", headers)
    refused(shared, preset, body, {})
    refused(shared, preset, gzip.compress(body), {**headers, "Content_Encoding": "gzip"})
    other, _ = request(preset)
    refused(shared, preset, other, headers)
    sign_header = next(h for h in headers if "ign" in h or "Hmac" in h)
    for value in ("", " ", "=", ",", "v1,", "sha256=", "v1=", "v0=", "x" * 5000, headers[sign_header][:-6],
                  headers[sign_header].replace("=", "!", 1).replace("v1,", "v2,")):
        if value != headers[sign_header]:
            refused(shared, preset, body, {**headers, sign_header: value})
    for header in headers:
        if preset in TIMED or header == sign_header:
            refused(shared, preset, body, {h: v for h, v in headers.items() if h != header})


@pytest.mark.parametrize("preset", TIMED)
def test_refused__old_and_early_ones(shared, preset):
    for off in (-310, 310, -10**6):
        body, headers = request(preset, at=int(time.time()) + off)
        assert "time" in refused(shared, preset, body, headers)
    for off in (-280, 280):
        body, headers = request(preset, at=int(time.time()) + off)
        assert shared.post(path(preset), body, **headers)[0] == 200


def test_refused__on_every_path_of_the_source(shared):
    body, headers = request("github")
    event = "/event/github/shop/order.0/order.created.0"
    assert shared.post(event, body)[0] == 401
    assert shared.post(event, body, shared.key("--rights", "admin"))[0] == 401
    assert shared.post(event, body, **headers)[0] == 200


def test_slack__gets_its_challenge_back_and_nothing_is_stored(shared):
    body = b'{"token": "x", "challenge": "3eZbrw1aB\\u0022", "type": "url_verification"}'
    before = len(posts(shared))
    status, answer, _ = shared.post("/in/slack", body, **slack(body, None, int(time.time())))
    assert (status, answer) == (200, {"challenge": '3eZbrw1aB"'})
    assert shared.post("/in/slack", body, **slack(body, None, int(time.time()), b"guess"))[0] == 401
    assert len(posts(shared)) == before


def test_secrets__several_are_valid_and_change_without_a_restart(built, tmp_path, monkeypatch):
    monkeypatch.setenv("THIRD_SECRET", "third")
    first = secret_file(tmp_path, "plain")
    hooks = Hooks(tmp_path, sources={"github": {
        "type": "webhook", "authentication": "signature", "signature": "github",
        "secret_files": [first, secret_file(tmp_path, "old")], "secret_env": ["THIRD_SECRET"]}}).start()

    def status(key):
        body = json.dumps({"n": str(uuid.uuid4())}).encode()
        return hooks.post("/in/github", body, X_Hub_Signature_256="sha256=" + mac(body, key).hex())[0]
    assert [status(k) for k in (b"hush", b"hush before", b"third", b"new")] == [200, 200, 200, 401]
    secret_file(tmp_path, "plain", "new")
    places.wait_until(lambda: status(b"new") == 200, 5, "the new secret")
    assert [status(k) for k in (b"hush", b"hush before")] == [401, 200]
    (tmp_path / "plain.secret").chmod(0o644)  # others can read it now: nobody gets in
    places.wait_until(lambda: status(b"new") == 503, 5, "503")
    assert status(b"hush before") == 503
    (tmp_path / "plain.secret").chmod(0o600)
    places.wait_until(lambda: status(b"new") == 200, 5, "the secret again")
    assert hooks.stop() == 0
    for secret in ("hush", "third", "new\n"):
        assert secret not in hooks.log()


WRONG = [
    ({"signature": "github"}, ["secret_files"]), ({"signature": "none", "secret_env": ["X"]}, ["signature: none is given"]),
    ({"signature": "gitlab", "secret_env": ["X"]}, ["gitlab"]),
    ({"signature": "custom", "secret_env": ["X"]}, ["signature_header"]),
    ({"signature": "github", "secret_env": ["X"], "signature_text": "{bodi}"}, ["{body} once"]),
    ({"signature": "github", "secret_env": ["X"], "signature_timestamp": "header:X-T"}, ["not in signature_text"]),
    ({"authentication": "key", "signature": "github", "secret_env": ["X"]}, ["authentication: signature"]),
    ({"authentication": "none", "secret_env": ["X"]}, ["authentication: signature"]),
]


@pytest.mark.parametrize("settings, words", WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_config__what_would_not_protect_is_an_error(built, tmp_path, settings, words):
    hooks = Hooks(tmp_path, sources={"in": {"type": "webhook", "authentication": "signature", **settings}})
    for command in ("check", "run"):
        done = hooks.command(command)
        assert done.returncode == leatd.USAGE and all(w in done.stderr for w in words), done.stderr


@pytest.mark.parametrize("text, mode, words", [
    (None, 0o600, "cannot open secret"), ("x", 0o644, "chmod 600"), ("whpk_abcd", 0o600, "ed25519"),
    ("whsec_!", 0o600, "signature_key")])
def test_config__secrets_that_cannot_be_used_are_found_before(built, tmp_path, text, mode, words):
    file = tmp_path / "x.secret"
    if text:
        file.write_text(text)
        file.chmod(mode)
    hooks = Hooks(tmp_path, sources={"in": {"type": "webhook", "authentication": "signature", "signature": "svix",
                                            "secret_files": [str(file)]}})
    for command in ("check", "run"):
        done = hooks.command(command)
        assert done.returncode != 0 and words in done.stderr + done.stdout, (done.stdout, done.stderr)
