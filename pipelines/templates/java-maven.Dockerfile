ARG BASE=maven:3.9-eclipse-temurin-21
ARG RUNTIME=eclipse-temurin:21-jre
FROM ${BASE} AS build
WORKDIR /src
COPY . .
# The tests are a stage of their own. What only feeds the packaging (sources, the jar before repackaging) is left behind.
RUN mvn -B -q -DskipTests package \
 && rm -f target/original-*.jar target/*-sources.jar target/*-javadoc.jar target/*-plain.jar \
 && mkdir /out && cp "$(ls -S target/*.jar | head -n 1)" /out/service.jar

FROM ${RUNTIME}
ENV PORT=8080 SERVER_PORT=8080
COPY --from=build /out/service.jar /service.jar
USER 1000:1000
EXPOSE 8080
CMD ["java", "-XX:MaxRAMPercentage=75", "-jar", "/service.jar"]
