ARG BASE=python:3.13-slim
FROM ${BASE}
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=8080
WORKDIR /app
COPY . .
RUN if [ -f requirements.txt ]; then pip install --no-cache-dir -r requirements.txt; \
    elif [ -f pyproject.toml ] || [ -f setup.py ]; then pip install --no-cache-dir .; \
    elif [ -f Pipfile ]; then pip install --no-cache-dir pipenv && pipenv install --system --deploy; fi
USER 1000:1000
EXPOSE 8080
CMD ["/bin/sh", "-c", "for f in main.py app.py server.py; do if [ -f $f ]; then exec python $f; fi; done; if [ -f manage.py ]; then exec python manage.py runserver 0.0.0.0:8080; fi; echo 'none of main.py, app.py, server.py, manage.py is there' >&2; exit 1"]
