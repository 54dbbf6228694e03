# SPDX-License-Identifier: MIT
#
# nm's list of a program, then the linker's map of it: which code of gocrt.o does not lie between runtime_text
# and runtime_etext, where preemption looks for it. "all" when all does; "no map" where that cannot be told.

FNR == NR {
	if ($3 == "runtime_text")
		begin = "0x" $1
	if ($3 == "runtime_etext")
		end = "0x" $1
	next
}
$1 ~ /^\.text/ && NF == 1 { section = $1; next }		# a long name stands on a line of its own
$1 ~ /^0x/ && NF == 3 && section != "" { $0 = section " " $0 }
{ section = "" }
$1 !~ /^\.text/ || $4 !~ /gocrt\.o$/ || $2 ~ /^0x0+$/ || $3 == "0x0" { next }
{ n++ }
$2 < begin || $2 > end { print $1, $2; out++ }			# as strings: all have as many digits

END {
	if (begin == "" || end == "" || n < 100)
		print "no map"
	else if (!out)
		print "all"
}
