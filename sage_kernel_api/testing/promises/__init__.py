"""The promises of the contract, one test each; modules by what they are about."""
