package main

// The areas whose scenarios are compiled in.
