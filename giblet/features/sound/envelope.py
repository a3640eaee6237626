"""Amplitude envelope of sound, of all of it or of the bands of a gammatone filter bank."""

from __future__ import annotations

import numpy as np

from giblet.errors import ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.sound.rows import SAMPLE_RATE, RowMeans, RowStream, asked_rate
from giblet.features.streams import FeatureContext, Output

# The Hilbert transformer reaches so many samples to either side. With a Kaiser window of so many dB, its response is
# 1 within 0.002 % from EXACT_FROM Hz to as much below the Nyquist frequency.
HILBERT_REACH = 2048
HILBERT_ATTENUATION = 100.0
EXACT_FROM = 20.0

# Hz of the lowest and highest bands.
LOWEST, HIGHEST = 80.0, 8000.0
MOST_BANDS = 256


def envelope(request: FeatureRequest, context: FeatureContext) -> RowStream:
    """Make the envelope that was asked for.

    Parameters
    ----------
    request : FeatureRequest
        Options ``rate``, rows per second, and ``bands``: 0 for the envelope of the whole sound, else how many.
    context : FeatureContext
        Not used.

    Returns
    -------
    RowStream
        A `HilbertEnvelope` or a `BandEnvelopes`.

    Raises
    ------
    ParameterError
        If an option cannot be had.
    """
    bands = request.option("bands")
    if bands == 0:
        return HilbertEnvelope(request)
    if not 2 <= bands <= MOST_BANDS:
        raise ParameterError(
            f"{request.feature.name} was asked for {bands} bands", f"give 0 for all in one, or 2 to {MOST_BANDS}"
        )
    return BandEnvelopes(request)


class HilbertEnvelope(RowStream):
    """Magnitude of the analytic signal, averaged over each row's own interval.

    The Hilbert transform of a stream is that of a long filter, the ideal response under a Kaiser window (Oppenheim &
    Schafer, Discrete-Time Signal Processing, 3rd edition, section 12.4), with silence around the sound. It equals
    that of the whole but for what lies below 20 Hz, and for a whole's end not flowing into its beginning.

    Parameters
    ----------
    request : FeatureRequest
        Option ``rate``.

    Raises
    ------
    ParameterError
        If the rate is none.
    """

    def __init__(self, request: FeatureRequest) -> None:
        rate = asked_rate(request)
        about = {
            "units": "full scale",
            "definition": "mean over the row's own interval of the magnitude of the analytic signal",
            "past": HILBERT_REACH / SAMPLE_RATE,
            "future": HILBERT_REACH / SAMPLE_RATE,
            "exact_from_hz": EXACT_FROM,
        }
        super().__init__(Output(request.name, ("envelope",), rate, about=about))
        self._means = RowMeans(rate, 1)
        self._kernel = hilbert_kernel(HILBERT_REACH)
        self._around = np.zeros(HILBERT_REACH)

    def _block(self, samples: np.ndarray) -> np.ndarray:
        from scipy.fft import irfft, rfft

        around = np.concatenate((self._around, samples))
        self._around = around[-2 * HILBERT_REACH :]
        n = len(around) - 2 * HILBERT_REACH
        if n <= 0:
            return self._means.push(np.empty((0, 1)))
        # Convolution in a circle, of which only what the ends do not reach is kept.
        imaginary = irfft(rfft(around) * rfft(self._kernel, len(around)), len(around))[2 * HILBERT_REACH :]
        return self._means.push(np.hypot(around[HILBERT_REACH : HILBERT_REACH + n], imaginary)[:, None])

    def _end(self) -> np.ndarray:
        return np.concatenate((self._block(np.zeros(HILBERT_REACH)), self._means.finish()))


def hilbert_kernel(reach: int) -> np.ndarray:
    """Return a filter that turns the phase of everything but the lowest frequencies by a quarter.

    Parameters
    ----------
    reach : int
        Samples to either side of its middle.

    Returns
    -------
    ndarray of float64, shape (2 * reach + 1,)
        An odd function.
    """
    from scipy.signal.windows import kaiser

    offset = np.arange(-reach, reach + 1)
    ideal = np.divide(2, np.pi * offset, out=np.zeros(len(offset)), where=offset % 2 == 1)
    # Kaiser's own formula for attenuations above 50 dB.
    return ideal * kaiser(len(offset), 0.1102 * (HILBERT_ATTENUATION - 8.7))


class BandEnvelopes(RowStream):
    """Envelopes of gammatone bands, spaced evenly on the scale of equivalent rectangular bandwidths (ERB).

    The filters are the gammatone filters of fourth order of Slaney (1993, Apple Computer Technical Report 35), which
    `scipy.signal.gammatone` gives too, with the bandwidths of Glasberg and Moore (1990, Hearing Research 47), each as
    the complex filter whose real part it is (Hohmann 2002, Acta Acustica 88): its magnitude is the band's envelope.
    Besides, a complex filter of order 4 keeps its precision at low frequencies, where the real one of order 8 loses it.

    Parameters
    ----------
    request : FeatureRequest
        Options ``rate`` and ``bands``.

    Raises
    ------
    ParameterError
        If the rate is none.
    """

    def __init__(self, request: FeatureRequest) -> None:
        rate = asked_rate(request)
        frequencies = erb_spaced(request.option("bands"))
        about = {
            "units": "full scale",
            "definition": "mean over the row's own interval of the magnitude of complex gammatone filters",
            # The filters forget: after so long, the lowest has lost all but the hundred-thousandth of a click.
            "past": 0.1,
            "future": 0.0,
            "frequencies": [round(float(frequency), 3) for frequency in frequencies],
        }
        super().__init__(Output(request.name, tuple(f"{f:.0f} Hz" for f in frequencies), rate, about=about))
        self._means = RowMeans(rate, len(frequencies))
        self._filters = [gammatone(frequency) for frequency in frequencies]
        self._states = np.zeros((len(frequencies), 4), complex)

    def _block(self, samples: np.ndarray) -> np.ndarray:
        from scipy.signal import lfilter

        magnitudes = np.empty((len(samples), len(self._filters)))
        for band, (gain, poles) in enumerate(self._filters):
            filtered, self._states[band] = lfilter([gain], poles, samples, zi=self._states[band])
            magnitudes[:, band] = np.abs(filtered)
        # Silence must not be computed with numbers too small for the processor to be quick at.
        self._states[np.abs(self._states) < 1e-100] = 0
        return self._means.push(magnitudes)

    def _end(self) -> np.ndarray:
        return self._means.finish()


def erb_spaced(n_bands: int) -> np.ndarray:
    """Return centre frequencies from LOWEST to HIGHEST, at even steps of ERB (Glasberg & Moore 1990, equation 4).

    Parameters
    ----------
    n_bands : int
        How many, 2 or more.

    Returns
    -------
    ndarray of float64, shape (n_bands,)
        Hz.
    """
    low, high = np.log1p(0.00437 * np.array([LOWEST, HIGHEST]))
    return np.expm1(np.linspace(low, high, n_bands)) / 0.00437


def gammatone(frequency: float) -> tuple[float, np.ndarray]:
    """Return a complex gammatone filter, whose output's real part is that of `scipy.signal.gammatone`.

    Parameters
    ----------
    frequency : float
        Its centre, Hz.

    Returns
    -------
    gain : float
        The filter's numerator: a tone at the centre passes with its amplitude.
    poles : ndarray of complex, shape (5,)
        The filter's denominator.
    """
    from scipy.signal import gammatone as real_gammatone

    numerator, _ = real_gammatone(frequency, "iir", fs=SAMPLE_RATE)
    # Equivalent rectangular bandwidth, and 1.019 for a gammatone filter of that bandwidth.
    bandwidth = 1.019 * (24.7 + frequency / 9.26449)
    pole = np.exp(2 * np.pi * (1j * frequency - bandwidth) / SAMPLE_RATE)
    return float(numerator[0]), np.poly([pole] * 4)
