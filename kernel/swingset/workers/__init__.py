"""Where vat code runs: one small interface, and the engines that stand behind it."""
