// Package snapshot is what a name server leaves to its next run, as bytes: the
// pools with the times at which their sources vouched for them, and other
// things in files of the same form. It is pure.
//
// A file is lines of JSON: a head that says what it is, in which version and of
// when; the records; and an end with their number and a checksum (CRC-32C) of
// all lines before it. A file without the end was cut short. Nothing of a file
// counts unless all of it can be used.
package snapshot
