"""APCodec: amplitude and phase spectra coded in parallel (Ai et al., 2024)."""
