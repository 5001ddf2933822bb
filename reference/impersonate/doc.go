// Package impersonate answers who a task should run as, whether that needs a
// switch, how to switch, and what of the worker's environment may come along.
//
//	run_as_user  default_impersonation
//	      \        /
//	     Effective            the task's user wins over the default (IMP-001)
//	         |
//	      Resolve             name checked, account found, root refused (IMP-026, IMP-027)
//	         |
//	  numeric uid == our own effective uid?   (IMP-002, IMP-003)
//	   yes: no switch           no: Command, as root directly, else through sudo
//
// Accounts are read from /etc/passwd and /etc/group and then, for those that a
// directory service holds, asked from getent and id. Package os/user is not
// used: without cgo it believes $USER where the uid has no entry, and it sees no
// directory service. No environment variable has a say in who the process is:
// LOGNAME=alice made Airflow take a worker for alice and skip the switch.
package impersonate
