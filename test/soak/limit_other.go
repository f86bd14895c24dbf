//go:build !linux

package main

// limitFiles does nothing here: the limits of another process are its own.
func limitFiles(int, uint64) error { return nil }

const noLimit = 0
