#!/usr/bin/python3
"""Writes vectors.h: requests signed by Python's hmac, which shares no code with ours; and those that senders publish.

    tests/golden/signatures/make.py > tests/golden/signatures/vectors.h

What a sender published must come out of Python as well, or this stops.
"""
import base64
import hashlib
import hmac

NOW = 1763715600  # the clock of the tests


def mac(key, text, name="sha256"):
    return hmac.new(key, text, getattr(hashlib, name)).digest()


def b64(digest):
    return base64.b64encode(digest).decode()


def c_text(data):
    if data is None:
        return "NULL"
    data = data.encode() if isinstance(data, str) else data
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in data) + '"'


CASES = []


def case(name, preset, secret, body, headers, now=NOW, **settings):
    CASES.append((name, preset, secret, body, headers, now, settings))


def standard(name, preset, prefix, key, body, message="msg_p5jXN8AQM9LWM0D4loKWxJek", at=NOW, now=NOW, published=None):
    signature = b64(mac(key, f"{message}.{at}.".encode() + body))
    assert published in (None, signature)
    case(name, preset, "whsec_" + base64.b64encode(key).decode(), body,
         {f"{prefix}-id": message, f"{prefix}-timestamp": str(at), f"{prefix}-signature": f"v1,{signature}"}, now)


KEY = bytes(range(7, 39))
JSON = b'{"id":"evt_1","text":"\xc3\xa6 \\u00e6"}'
standard("standard-webhooks", "STANDARD_WEBHOOKS", "webhook", KEY, JSON)
standard("standard-webhooks, published", "STANDARD_WEBHOOKS", "webhook",
         base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), b'{"test": 2432232314}', at=1614265330, now=1614265330,
         published="g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
standard("svix", "SVIX", "svix", KEY, JSON)

t = str(NOW)
case("stripe", "STRIPE", "whsec_abc", JSON,
     {"Stripe-Signature": f"t={t},v1={mac(b'whsec_abc', t.encode() + b'.' + JSON).hex()},v0=00"})
hello = mac(b"It's a Secret to Everybody", b"Hello, World!").hex()
assert hello == "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
case("github, published", "GITHUB", "It's a Secret to Everybody", b"Hello, World!",
     {"X-Hub-Signature-256": "sha256=" + hello})
case("github", "GITHUB", "s3", JSON, {"X-Hub-Signature-256": "sha256=" + mac(b"s3", JSON).hex()})
case("shopify", "SHOPIFY", "hush", JSON, {"X-Shopify-Hmac-SHA256": b64(mac(b"hush", JSON))})
case("slack", "SLACK", "8f742231b10e8888abcd99yyyzzz85a5", JSON,
     {"X-Slack-Request-Timestamp": t,
      "X-Slack-Signature": "v0=" + mac(b"8f742231b10e8888abcd99yyyzzz85a5", f"v0:{t}:".encode() + JSON).hex()})
form = (b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
        b"803a0bc887a14d10d2c447fce8b6703c")
slack = mac(b"8f742231b10e8888abcd99yyyzzz85a5", b"v0:1531420618:" + form).hex()
assert slack == "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
case("slack, published", "SLACK", "8f742231b10e8888abcd99yyyzzz85a5", form,
     {"X-Slack-Request-Timestamp": "1531420618", "X-Slack-Signature": "v0=" + slack}, 1531420618)
case("hookdeck", "HOOKDECK", "deck", JSON, {"x-hookdeck-signature": b64(mac(b"deck", JSON))})

for digest in ("sha1", "sha256", "sha512"):
    for encoding in ("hex", "base64"):
        for form_of_key in ("text", "hex", "base64"):
            secret = {"text": "a long secret", "hex": KEY.hex(), "base64": b64(KEY)}[form_of_key]
            key = b"a long secret" if form_of_key == "text" else KEY
            signed = mac(key, b"id-1/" + t.encode() + b"/" + JSON + b"/end", digest)
            case(f"custom, {digest} {encoding} {form_of_key}", "CUSTOM", secret, JSON,
                 {"X-Id": "id-1", "X-Sign": f"at={t}, mac={signed.hex() if encoding == 'hex' else b64(signed)}"},
                 text="{header:X-Id}/{part:at}/{body}/end", header="X-Sign", prefix="mac=", timestamp="part:at",
                 hash=digest, encoding=encoding, key=form_of_key)
case("custom, no body at all", "CUSTOM", "k", b"", {"X-Sign": mac(b"k", b"").hex().upper()}, header="X-Sign")
case("custom, bytes of all kinds", "CUSTOM", "k", bytes(range(256)), {"X-Sign": mac(b"k", bytes(range(256))).hex()},
     header="X-Sign")

print("/* Made by make.py beside it: requests and their signatures. Not to be edited. */")
print("#ifndef GOLDEN_SIGNATURES_VECTORS_H\n#define GOLDEN_SIGNATURES_VECTORS_H\n")
print("/* clang-format off */\nstatic const struct vector {")
print("    const char *name;\n    int64_t now_s;\n    const char *secret, *body;\n    size_t body_len;")
print("    const char *headers[4][2];\n    struct signature_settings settings;\n} VECTORS[] = {")
ENUMS = {"hash": "SIGNATURE_{}", "encoding": "SIGNATURE_{}", "key": "SIGNATURE_KEY_{}"}
for name, preset, secret, body, headers, now, settings in CASES:
    print(f"    {{.name = {c_text(name)}, .now_s = {now},\n     .secret = {c_text(secret)},")
    print(f"     .body_len = {len(body)},\n     .body = {c_text(body)},")
    pairs = (f"{{{c_text(n)},\n                  {c_text(v)}}}" for n, v in headers.items())
    print("     .headers = {" + ",\n                 ".join(pairs) + "},")
    print(f"     .settings = {{.preset = SIGNATURE_{preset}, .tolerance_ms = 300000", end="")
    for option, value in settings.items():
        print(",\n                  ." + option + " = "
              + (ENUMS[option].format(value.upper()) if option in ENUMS else c_text(value)), end="")
    print("}},")
print("};\n/* clang-format on */\n\n#endif")
