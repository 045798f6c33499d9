"""Features from pixels that were learnt without rewards, for linear learners."""
