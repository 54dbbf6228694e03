# SPDX-License-Identifier: MIT
#
# sections.awk - between compiler and assembler: the same code, smaller once it is linked.
#
# -v name=N: code and constants go into sections named after the source file (.text.N), so that a
# link with --gc-sections can leave a file out that no program asks for. .bss stays one: it costs nothing.
#
# One frame description (FDE) a file: each function's is run on into the next's. Its head takes 20
# to 24 bytes, the instructions of most functions less. Where a function begins, the rules are set
# back to the CIE's (CFA at rsp + 8, nothing saved), as far as the one before has changed them.
# Unwinders run the instructions from an FDE's begin to the pc, and need not know of functions.
# A function with directives that are not understood here keeps an FDE of its own.

$1 == ".text" { $0 = "\t.section\t.text." name ",\"ax\",@progbits" }
$1 == ".data" { $0 = "\t.section\t.data." name ",\"aw\"" }
$1 == ".section" && $2 ~ /^\.(rodata|data\.rel\.ro|data\.rel\.ro\.local)(,|$)/ {
	sub(/,|$/, "." name "&", $2)
	if ($2 !~ /,/)
		$2 = $2 (/\.rodata/ ? ",\"a\"" : ",\"aw\"")
	$0 = "\t.section\t" $2
}
$1 == ".section" { text = 0 }
$1 == ".section" && $2 ~ ("^\\.text\\." name ",") { text = 1 }

text && $1 == ".cfi_startproc" {
	inside = 1
	if (open) {
		open = 0
		setback()
		next
	}
}
text && $1 == ".cfi_endproc" {
	inside = 0
	open = !alone
	if (open)
		next
	alone = 0
	forget()
}
text && inside && /^\t\.cfi_/ { note($1, $2) }
{ print }

END {
	if (open)
		print "\t.section\t.text." name "\n\t.cfi_endproc"
}

function note(op, reg)
{
	if (op ~ /^\.cfi_def_cfa(_register)?$/)
		cfa = "\t.cfi_def_cfa 7, 8"
	else if (op ~ /_cfa_offset$/)
		cfa = cfa ? cfa : "\t.cfi_def_cfa_offset 8"
	else if (op ~ /^\.cfi_(rel_)?offset$/)
		saved[substr(reg, 1, length(reg) - 1)]
	else if (op !~ /^\.cfi_(startproc|restore|remember_state|restore_state)$/)
		alone = 1
}

function forget(    r)
{
	cfa = ""
	for (r in saved)
		delete saved[r]
}

function setback(    r)
{
	if (cfa)
		print cfa
	for (r in saved)
		print "\t.cfi_restore " r
	forget()
}
