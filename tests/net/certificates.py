"""Certificates for servers on loopback, made when they are needed."""

import subprocess

# `openssl ca` is the one command that sets dates in the past in OpenSSL 3.0 and in 3.5. Python 3.13 looks for the
# extensions of a root before it looks at the dates.
_CA = """\
[ca]
default_ca = tests
[tests]
database = {folder}/{name}.index
serial = {folder}/{name}.serial
new_certs_dir = {folder}
default_md = sha256
policy = any
x509_extensions = root
[any]
commonName = supplied
[root]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
subjectAltName = {names}
"""


def certificate(folder, name="good", names="IP:127.0.0.1,DNS:localhost", expired=False):
    """A self-signed certificate and its key, as files."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    if expired:
        request, config = folder / f"{name}.csr", folder / f"{name}.cnf"
        config.write_text(_CA.format(folder=folder, name=name, names=names))
        (folder / f"{name}.index").touch()
        _openssl("req", *curve, "-subj", "/CN=tests", "-keyout", key, "-out", request)
        past = ["-startdate", "20190101000000Z", "-enddate", "20200101000000Z"]
        _openssl(
            *("ca", "-batch", "-selfsign", "-create_serial", "-notext", *past),
            *("-config", config, "-keyfile", key, "-in", request, "-out", cert),
        )
    else:
        subject = ["-subj", "/CN=tests", "-addext", f"subjectAltName={names}"]
        _openssl("req", "-x509", *curve, *subject, "-days", "2", "-keyout", key, "-out", cert)
    return cert, key


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
