#!/usr/bin/env python3
"""Bytes of a request's headers at several sizes of a cookie: the tables of "What cookies cost" in docs/proxies.md.

Needs nginx, curl with HTTP/2, Chromium and openssl. Everything stays on loopback, and in a temporary folder.
nginx logs the length of each request as it came, which for HTTP/2 is that of the compressed headers.
"""
import base64, os, socket, subprocess, tempfile, time

SIZES = (100, 800, 3000, 3300, 4000)
NAME = "__Host-session"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def value(size):
    letters = base64.urlsafe_b64encode(os.urandom(size)).decode()
    return letters[: size - len(NAME) - 1]


def run(*command):
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


with tempfile.TemporaryDirectory() as folder:
    os.chmod(folder, 0o755)
    plain, tls = free_port(), free_port()
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-keyout", f"{folder}/key", "-out", f"{folder}/cert")
    images = {size: "".join(f"<img src=/chromium-{size}/{i}>" for i in range(6)) for size in SIZES}
    pages = "".join(
        f"location = /page-{size} {{ default_type text/html; return 200 '{images[size]}';"
        f" add_header Set-Cookie '{NAME}={value(size)}; Path=/; Secure'; }}\n" for size in SIZES)
    temporary = " ".join(f"{kind}_temp_path {folder}/t;" for kind in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{folder}/nginx.conf", "w") as config:
        config.write(f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}
http {{
    {temporary}
    large_client_header_buffers 4 16k;
    log_format bytes '$request_length $server_protocol $uri';
    access_log {folder}/access.log bytes;
    server {{ listen 127.0.0.1:{plain}; location / {{ return 200 x; }} }}
    server {{
        listen 127.0.0.1:{tls} ssl http2; ssl_certificate {folder}/cert; ssl_certificate_key {folder}/key;
        {pages} location / {{ return 200 x; }}
    }}
}}""")
    server = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        while not os.path.exists(f"{folder}/pid"):
            time.sleep(0.1)
        for size in (0, *SIZES):
            cookie = ["-H", f"Cookie: {NAME}={value(size)}"] if size else []
            for address in (f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}"):
                urls = [part for i in range(4) for part in ("-o", "/dev/null", f"{address}/curl-{size}/{i}")]
                run("curl", "-q", "-sSk", *cookie, *urls)
        for size in SIZES:
            run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors",
                f"--user-data-dir={folder}/browser-{size}", "--dump-dom", f"https://127.0.0.1:{tls}/page-{size}")
        time.sleep(1)  # nginx logs a request after its response
    finally:
        server.terminate()
        server.wait()
    print(open(f"{folder}/access.log").read())
