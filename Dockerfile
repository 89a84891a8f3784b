# One image per service from one file: docker build --target bot|api|pipelines|migrations|grafana
# Each carries the locked packages of its own group and the source it imports, and runs as
# user 10001 on a file system that may be read-only (writable: /data, /tmp).

FROM python:3.11-slim-bookworm AS tools
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY requirements/uv.lock requirements/slim.sh ./
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/* \
    && python -m venv /uv \
    && /uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r uv.lock \
    && /uv/bin/uv venv --python /usr/local/bin/python /venv

FROM tools AS bot-packages
COPY requirements/bot.lock ./
RUN /uv/bin/uv pip sync --no-cache --require-hashes --python /venv/bin/python bot.lock \
    && ./slim.sh /venv en ru

FROM tools AS api-packages
COPY requirements/api.lock ./
RUN /uv/bin/uv pip sync --no-cache --require-hashes --python /venv/bin/python api.lock \
    && ./slim.sh /venv

FROM tools AS pipelines-packages
COPY requirements/pipelines.lock ./
RUN /uv/bin/uv pip sync --no-cache --require-hashes --python /venv/bin/python pipelines.lock \
    && ./slim.sh /venv

FROM tools AS migrations-packages
COPY requirements/migrations.lock ./
RUN /uv/bin/uv pip sync --no-cache --require-hashes --python /venv/bin/python migrations.lock \
    && ./slim.sh /venv

# The Node of the tests (requirements/dev.lock).
FROM node:24.19.0-bookworm-slim AS web
WORKDIR /build
COPY dashboards/web/package.json dashboards/web/package-lock.json dashboards/web/.npmrc ./
RUN npm ci
COPY dashboards/web/ ./
RUN npm run build

FROM python:3.11-slim-bookworm AS runtime
LABEL org.opencontainers.image.title="Dialytics" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONTZPATH="" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    ENVIRONMENT=production \
    DATA_DIR=/data
RUN groupadd --gid 10001 dialytics \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin dialytics \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
WORKDIR /app
COPY common/ common/
USER 10001:10001

FROM runtime AS bot
ENV BIND_HOST=0.0.0.0
COPY --from=bot-packages /venv /venv
COPY bot/ bot/
EXPOSE 8080
CMD ["python", "-m", "bot"]

FROM runtime AS api
ENV BIND_HOST=0.0.0.0
COPY --from=api-packages /venv /venv
COPY --from=web /build/dist dashboards/web/dist
COPY warehouse/ warehouse/
COPY bot/__init__.py bot/
COPY bot/db/__init__.py bot/db/
COPY bot/db/tables/ bot/db/tables/
COPY api/ api/
EXPOSE 8000
CMD ["python", "-m", "api"]

FROM runtime AS pipelines
COPY --from=pipelines-packages /venv /venv
COPY warehouse/ warehouse/
COPY bot/__init__.py bot/
COPY bot/db/__init__.py bot/db/
COPY bot/db/tables/ bot/db/tables/
COPY pipelines/ pipelines/
EXPOSE 3000 3030
CMD ["python", "-m", "pipelines", "webserver"]

FROM runtime AS migrations
COPY --from=migrations-packages /venv /venv
COPY warehouse/__init__.py warehouse/errors.py warehouse/settings.py warehouse/
COPY warehouse/clickhouse/__init__.py warehouse/clickhouse/server_version.py warehouse/clickhouse/
COPY bot/__init__.py bot/
COPY bot/db/__init__.py bot/db/outbox.py bot/db/
COPY bot/db/tables/ bot/db/tables/
COPY api/__init__.py api/
COPY api/accounts/__init__.py api/accounts/tables.py api/accounts/
COPY api/audit/__init__.py api/audit/tables.py api/audit/
COPY api/alerts/__init__.py api/alerts/tables.py api/alerts/
COPY api/people/__init__.py api/people/tables.py api/people/
COPY pipelines/__init__.py pipelines/tables.py pipelines/
COPY migrations/ migrations/
CMD ["python", "-m", "migrations"]

FROM grafana/grafana:12.2.0 AS grafana
LABEL org.opencontainers.image.version="0.1.0"
# Outside of /var/lib/grafana: a volume there would hide the plugin of a newer image.
ENV GF_PATHS_PLUGINS=/usr/share/grafana-plugins
USER 0
RUN mkdir /usr/share/grafana-plugins \
    && grafana cli --pluginsDir /usr/share/grafana-plugins plugins install grafana-clickhouse-datasource 4.11.1
USER 472
COPY dashboards/grafana/provisioning/ /etc/dialytics/grafana/provisioning/
COPY dashboards/grafana/dashboards/ /etc/dialytics/grafana/dashboards/
