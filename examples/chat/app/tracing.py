"""OpenTelemetry traces of requests, sent over HTTP."""

from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from app import __version__


def trace_requests(app: FastAPI, endpoint: str, env: str) -> None:
    """Makes a span of every request but the probes', and sends them to ``endpoint``/v1/traces."""
    resource = Resource.create(
        {"service.name": "chat", "service.version": __version__, "deployment.environment.name": env}
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, excluded_urls="healthz,readyz,metrics")
