"""Training of codecs: losses, discriminators, the gradient balancer and the trainer itself."""
