// Package world is an Airflow held in memory: task instances, XComs, variables
// and connections, and the faults a scenario wants it to have.
//
// Two doors lead to it. A runner under test asks by frames (Frames), a worker by
// HTTP (package executionapi). Both use the same operations, so what one task
// pushed through one door another may pull through the other, and a fault
// strikes both alike.
//
// Values keep what the wire carried: integers of 64 bits, floats, nested lists
// and maps (see Canonical). A World is safe for concurrent use.
package world
