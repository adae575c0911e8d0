ARG BASE=golang:1.25
ARG RUNTIME=alpine:3.22
FROM ${BASE} AS build
WORKDIR /src
COPY go.mod go.sum* ./
RUN go mod download
COPY . .
# Without cgo the program needs nothing of the image it runs in.
RUN CGO_ENABLED=0 go build -trimpath -o /out/service .

FROM ${RUNTIME}
ENV PORT=8080
COPY --from=build /out/service /usr/local/bin/service
USER 1000:1000
EXPOSE 8080
CMD ["/usr/local/bin/service"]
