//go:build linux

// Command sidecar-run stands before a command in a container of a pod whose sidecars are not native: it waits for the
// sidecars, runs the command, ends the sidecars in reverse order, and exits as the command did. Before the command of
// a sidecar itself it decides, with its twin in the same pod, which of the two works. docs/sidecar-run.md is the contract.
//
// It has nothing but the standard library in it, and of that neither net/http nor crypto/tls: it is copied into pods
// at every start, and has to be small.
package main
