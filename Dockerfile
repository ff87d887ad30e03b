# The site in a container: built once with its database and downloads, then run without rights and without
# writing. Not run by the project's tests, which have no container engine; see docs/hosting.md.
# The image below it moves with its tag. To build on one that does not, give its digest as the registry tells it:
# docker build --build-arg BASE=python:3.11-slim@sha256:... .
ARG BASE=python:3.11-slim
FROM ${BASE}
WORKDIR /prc-reach
COPY requirements/core.txt requirements/
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements/core.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index . \
 && prc-reach export \
 && useradd --system --uid 10001 reader
USER reader
EXPOSE 8001
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8001/robots.txt', timeout=4)"]
CMD ["prc-reach", "serve", "--exported", "--host", "0.0.0.0", "--port", "8001"]
