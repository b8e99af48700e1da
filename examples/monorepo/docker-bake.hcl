variable "REGISTRY" {
  default = "monorepo"
}

variable "TAG" {
  default = "dev"
}

group "default" {
  targets = ["service", "report"]
}

# Those that answer somebody.
group "online" {
  targets = ["web"]
}

target "base" {
  context = "base"
}

target "_common" {
  contexts = {
    base = "target:base"
  }
  labels = {
    "org.opencontainers.image.title" = "monorepo"
  }
}

target "service" {
  name     = service
  inherits = ["_common"]
  matrix = {
    service = ["web", "worker"]
  }
  dockerfile = "services/${service}/Dockerfile"
  args = {
    SERVICE = service
  }
  tags = ["${REGISTRY}/${service}:${TAG}"]
}

target "report" {
  inherits = ["_common"]
  context  = "services/report"
  tags     = ["${REGISTRY}/report:${TAG}"]
}
