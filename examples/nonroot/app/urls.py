"""Pages."""

import os
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path

NAMES = ["asgiref", "django", "gunicorn", "sqlparse", "whitenoise"]
HOURS = {"Monday": "10-19", "Saturday": "10-14"}


def hours(request: HttpRequest) -> HttpResponse:
    return render(request, "hours.html", {"hours": HOURS})


def health(_request: HttpRequest) -> JsonResponse:
    own = Path(__file__).stat()
    return JsonResponse(
        {
            "status": "ok",
            "user": [os.getuid(), os.getgid()],
            "owner": [own.st_uid, own.st_gid],
            "style": staticfiles_storage.url("app/style.css"),
            "collected": sorted(one.name for one in settings.STATIC_ROOT.rglob("*.css*")),
            "compiled": sorted(one.name for one in Path(__file__).parent.glob("__pycache__/urls.*")),
            "versions": {name: version(name) for name in NAMES},
        }
    )


urlpatterns = [path("", hours), path("healthz", health)]
