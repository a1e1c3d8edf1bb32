"""A certificate for this machine itself, made anew at each start."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from medtx.errors import optional
from medtx.files import save


def make(folder: Path) -> tuple[Path, Path]:
    """The files of the certificate and of its key, for ``localhost`` and ``127.0.0.1``."""
    x509 = optional("cryptography.x509", "serve")
    serialization = optional("cryptography.hazmat.primitives.serialization", "serve")
    hashes = optional("cryptography.hazmat.primitives.hashes", "serve")
    ec = optional("cryptography.hazmat.primitives.asymmetric.ec", "serve")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "medtx serve")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (
        save(folder / "certificate.pem", lambda file: file.write_bytes(made.public_bytes(pem))),
        save(folder / "key.pem", lambda file: file.write_bytes(secret)),
    )
