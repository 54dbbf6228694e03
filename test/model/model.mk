# SPDX-License-Identifier: MIT
# The models, checked exhaustively. Included from the top-level Makefile.
#
#   make model [MODELS=select]     about a minute, up to 1 GB
#   make model LONG=1              some five minutes and 10 GB more

MODELS = idle mutex park select

.PHONY: model
model:
	@command -v spin >/dev/null || tools/setup.sh spin
	@mkdir -p build/model
	@LONG=$(LONG) sh test/model/run.sh $(CURDIR)/build/model $(MODELS:%=test/model/%.pml)
