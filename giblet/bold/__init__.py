"""Brain data: images and tables → time courses with the times of their volumes, and back to images."""

from giblet.bold.courses import TimeCourses
from giblet.bold.masks import shared_mask
from giblet.bold.quality import isc, tsnr
from giblet.bold.reading import read_bold
from giblet.bold.saving import read_space, save_time_courses
from giblet.bold.spaces import Space, check_alike

__all__ = [
    "Space",
    "TimeCourses",
    "check_alike",
    "isc",
    "read_bold",
    "read_space",
    "save_time_courses",
    "shared_mask",
    "tsnr",
]
