"""Brain data: images and tables → time courses with the times of their volumes, and back to images."""

from giblet.bold.courses import TimeCourses
from giblet.bold.spaces import Space, check_alike

__all__ = ["Space", "TimeCourses", "check_alike"]
