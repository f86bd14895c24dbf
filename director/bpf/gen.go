// Package bpf holds the datapath in C and what bpf2go makes of it: the object
// code and Go types of the maps' values. director/dataplane gives it a shape
// that the rest of the program uses.
package bpf

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -type tuple -type conn -type opening -type real -type tally -type volume -type span -type service -type vip -type affinity_key -type affinity -type settings -type gauge -type ask -type bucket -type reason -type conn_state -type conn_flag -type scheduler -type mode -type on_failure -type real_state -type ask_kind Director director.c -- -O2 -g -Wall -Werror -mcpu=v3 -I/usr/include/x86_64-linux-gnu
