ARG BASE=busybox:1.37
FROM ${BASE}
COPY . /srv
# What starts with a dot is the repository's own business, and not served.
RUN rm -rf /srv/.[!.]* /srv/Dockerfile
USER 1000:1000
EXPOSE 8080
# busybox httpd has no handler for SIGTERM, which a first process needs: the shell takes it and ends.
CMD ["/bin/sh", "-c", "trap 'exit 0' TERM INT; busybox httpd -f -p 8080 -h /srv & wait $!"]
