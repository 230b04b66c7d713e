# Showcall. `docker build .`; its configuration is mounted, its data are in /var/lib/showcall.
FROM python:3.13.7-slim-bookworm AS build
# Without these a fork of urllib3 that one library pulls in takes the original's place, see the Makefile.
ENV URLLIB3_NO_OVERRIDE=1 PIP_NO_BINARY=urllib3-future PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock /app/requirements.lock
RUN python -m venv /opt/showcall \
 && /opt/showcall/bin/pip install --require-hashes -r /app/requirements.lock
COPY . /app
# Editable: templates, rules and runbooks are read from where the source is.
RUN /opt/showcall/bin/pip install --no-deps --no-build-isolation -e /app \
 && /opt/showcall/bin/python -m compileall -q /app

FROM python:3.13.7-slim-bookworm
ENV PATH=/opt/showcall/bin:$PATH URLLIB3_NO_OVERRIDE=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# The folder of the data is made here so that a new volume belongs to the user.
RUN groupadd --gid 10002 showcall \
 && useradd --uid 10002 --gid 10002 --no-create-home --shell /usr/sbin/nologin showcall \
 && install -d -m 0700 -o showcall -g showcall /var/lib/showcall
COPY --from=build /opt/showcall /opt/showcall
COPY --from=build /app /app
WORKDIR /app
USER 10002:10002
EXPOSE 18300
VOLUME /var/lib/showcall
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:18300/-/healthy', timeout=2)"]
ENTRYPOINT ["showcall"]
CMD ["run", "--no-sign-in", "--config", "/app/stack/compose/config.yaml"]
