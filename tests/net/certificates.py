"""Certificates for servers on loopback, made when they are needed."""

import subprocess


def certificate(folder, name="good", names="IP:127.0.0.1,DNS:localhost", expired=False):
    """A self-signed certificate and its key, as files."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=tests", "-addext", f"subjectAltName={names}"]
    _openssl("req", "-x509", *curve, *subject, "-days", "2", "-keyout", key, "-out", cert)
    if expired:
        _openssl("x509", "-in", cert, "-signkey", key, "-days", "-1", "-out", cert)
    return cert, key


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
