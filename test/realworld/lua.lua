-- SPDX-License-Identifier: MIT
--
-- lua.lua - the Lua language and its libraries, as far as a program sees them: Debian's package
-- has no tests of its own. The last line is "N passed", or the first failure ends it with status 1.

local passed = 0
local function test(name, fn)
	local ok, err = xpcall(fn, debug.traceback)
	if not ok then
		io.stderr:write(name, ": ", err, "\n")
		os.exit(1)
	end
	passed = passed + 1
end
local function eq(got, want)
	if got ~= want then
		error(string.format("%s, not %s", tostring(got), tostring(want)), 2)
	end
end
local function fails(pattern, fn, ...)
	local ok, err = pcall(fn, ...)
	assert(not ok and tostring(err):find(pattern), tostring(err))
end
local lua = arg[-1]

test("integers and floats", function()
	eq(math.maxinteger + 1, math.mininteger)
	eq(7 // 2, 3); eq(-7 // 2, -4); eq(7 % -3, -2); eq(7.5 // 2, 3.0)
	eq(1 << 63, math.mininteger); eq(~0, -1); eq(0xff ~ 0x0f, 0xf0)
	eq(2 ^ 10, 1024.0); eq(math.type(3 / 1), "float"); eq(3 | 0, 3)
	eq(tostring(1e15), "1e+15"); eq(tostring(-0.0), "-0.0"); eq(0x1p4, 16.0)
	eq(math.tointeger(8.0), 8); eq(tonumber("0x10"), 16)
	eq(tonumber("z", 36), 35); assert(0 / 0 ~= 0 / 0); eq(math.ult(1, -1), true)
	fails("divide by zero", function() return 1 // 0 end)
	fails("no integer representation", function() return 1.5 | 1 end)
end)

test("strings", function()
	eq(("x"):rep(3, ","), "x,x,x"); eq(#("\0a\0"), 3); eq(#("h\u{e9}"), 3)
	eq(("abc"):sub(-2), "bc"); eq(("%d %5.2f %q %x"):format(3, 2.5, "a\n", 255), '3  2.50 "a\\\n" ff')
	eq(("%a"):format(1), "0x1p+0"); eq(("key = value"):match("^(%w+)%s*=%s*(%w+)$"), "key")
	eq(("a,b,,c"):gsub(",", ";", 2), "a;b;,c"); eq(("hello"):gsub("l", {l = "L"}), "heLLo")
	eq(("THE (quick) fox"):find("%((%a+)%)"), 5); eq(("x = [[y]]"):match("%[(%b[])%]"), "[y]")
	eq(("f(a(b)c)d"):match("%b()"), "(a(b)c)"); eq(("THE fox"):gsub("%f[%a]%a", "_"), "_HE _ox")
	local words = {}
	for w in ("one two three"):gmatch("%a+") do words[#words + 1] = w end
	eq(table.concat(words, "-"), "one-two-three")
	eq(string.unpack("<i4", string.pack("<i4", -2)), -2)
	eq(string.pack(">I2s1z", 258, "ab", "c"), "\1\2\2abc\0")
	eq(utf8.char(0x20ac, 0x10ffff), "\u{20ac}\u{10ffff}"); eq(utf8.len("\u{e4}\u{20ac}"), 2)
	fails("malformed", string.find, "a", "[a")
	fails("too complex", string.match, ("a"):rep(300000), ("a?"):rep(300000) .. "b")
end)

test("tables", function()
	local t = {}
	for i = 1, 100000 do t[i] = (i * 7919) % 100003 end
	table.sort(t)
	for i = 2, #t do assert(t[i - 1] <= t[i]) end
	table.sort(t, function(a, b) return a > b end)
	for i = 2, #t do assert(t[i - 1] >= t[i]) end
	eq(select("#", table.unpack({1, nil, 3}, 1, 3)), 3); eq(table.remove({1, 2, 3}, 1), 1)
	eq(table.concat(table.move({1, 2, 3}, 1, 3, 2), ","), "1,1,2,3"); eq(next({}), nil)
	local n = 0
	for k, v in pairs({10, 20, x = 30}) do n = n + v end
	eq(n, 60)
	fails("invalid order function", table.sort, t, function() return true end)
end)

test("metatables", function()
	local V = {}
	V.__index, V.__name = V, "V"
	V.__add = function(a, b) return setmetatable({x = a.x + b.x}, V) end
	V.__eq = function(a, b) return a.x == b.x end
	V.__lt = function(a, b) return a.x < b.x end
	V.__le = function(a, b) return a.x <= b.x end
	V.__call = function(self, y) return self.x * y end
	V.__len, V.__tostring = function() return 42 end, function(a) return "V" .. a.x end
	V.__concat = function(a, b) return tostring(a) .. tostring(b) end
	local a, b = setmetatable({x = 1}, V), setmetatable({x = 2}, V)
	eq((a + b).x, 3); assert(a ~= b and a < b and b >= a); eq(a(5), 5); eq(#a, 42)
	eq(a .. b, "V1V2"); eq(rawlen({1}), 1)
	local log = {}
	local p = setmetatable({}, {__index = function(_, k) return k .. "?" end,
		__newindex = function(t, k, v) log[#log + 1] = k; rawset(t, k, v) end})
	p.a = p.b
	eq(p.a, "b?"); eq(log[1], "a")
	fails("attempt to compare", function() return {} < {} end)
end)

test("control flow", function()
	local r = {}
	for i = 10, 1, -3 do r[#r + 1] = i end
	eq(table.concat(r, " "), "10 7 4 1")
	for i = 1, 3 do
		for j = 1, 3 do
			if j == 2 then goto continue end
			r[#r + 1] = i * j
			::continue::
		end
	end
	eq(#r, 10)
	local fns = {}
	for i = 1, 3 do fns[i] = function() i = i + 1; return i end end
	eq(fns[1]() + fns[1]() + fns[2](), 2 + 3 + 3)
	local function va(...) local a, b = ...; return select("#", ...), b end
	eq(select(2, va(1, 2, 3)), 2); eq((va()), 0)
	local function loop(n) if n == 0 then return "end" end return loop(n - 1) end
	eq(loop(1000000), "end") -- tail calls
end)

test("errors", function()
	local ok, err = pcall(error, {code = 7})
	eq(err.code, 7)
	eq(select(2, pcall(error)), nil)
	eq(select(2, xpcall(function() error("x", 0) end, function(m) return m .. "!" end)), "x!")
	local function deep() return 1 + deep() end
	fails("stack overflow", deep)
	local s = ("("):rep(300) .. "1" .. (")"):rep(300)
	assert(select(2, load("return " .. s)):find("overflow"))
	fails("attempt to index a nil value %(local 'a'%)", function() local a; return a.b end)
	assert(debug.traceback("here"):find("stack traceback"))
	local nested = 0
	local function nest(n) if n > 0 then pcall(nest, n - 1); nested = nested + 1 end end
	nest(150)
	eq(nested, 150)
end)

test("to-be-closed variables and finalizers", function()
	local order = {}
	local function closing(name)
		return setmetatable({}, {__close = function(_, e) order[#order + 1] = name .. tostring(e ~= nil) end})
	end
	pcall(function()
		local a <close> = closing("a")
		local b <close> = closing("b")
		error("x")
	end)
	eq(table.concat(order, " "), "btrue atrue")
	local ended = 0
	for i = 1, 1000 do setmetatable({}, {__gc = function() ended = ended + 1 end}) end
	collectgarbage(); collectgarbage()
	eq(ended, 1000)
	local weak = setmetatable({{}, {}, "kept"}, {__mode = "v"})
	collectgarbage()
	eq(weak[1], nil); eq(weak[3], "kept")
end)

test("garbage", function()
	for _, mode in ipairs {"generational", "incremental"} do
		collectgarbage(mode)
		local keep = {}
		for i = 1, 300000 do
			keep[i % 1000] = {i, tostring(i), function() return i end}
		end
		for i = 0, 999 do local k = keep[i]; assert(k[2] == tostring(k[1]) and k[3]() == k[1]) end
	end
end)

test("coroutines", function()
	local function permutations(a, n)
		return coroutine.wrap(function()
			local function gen(n)
				if n == 0 then coroutine.yield(table.concat(a)) end
				for i = 1, n do
					a[n], a[i] = a[i], a[n]
					gen(n - 1)
					a[n], a[i] = a[i], a[n]
				end
			end
			gen(n)
		end)
	end
	local seen, n = {}, 0
	for p in permutations({"a", "b", "c", "d", "e"}, 5) do
		assert(not seen[p]); seen[p] = true; n = n + 1
	end
	eq(n, 120)
	local co = coroutine.create(function(a)
		local ok, err = pcall(function() a = a + coroutine.yield(a); error("inside") end)
		local b = coroutine.yield(err:match("inside"))
		return a + b
	end)
	eq(select(2, coroutine.resume(co, 1)), 1); eq(select(2, coroutine.resume(co, 2)), "inside")
	eq(select(2, coroutine.resume(co, 4)), 7); eq(coroutine.status(co), "dead")
	eq(select(2, coroutine.resume(co)), "cannot resume dead coroutine")
	local many = {}
	for i = 1, 20000 do many[i] = coroutine.wrap(function() local s = i; while true do s = s + coroutine.yield(s) end end) end
	for i = 1, 20000 do many[i]() end
	for i = 1, 20000 do eq(many[i](1), i + 1) end
	local function inner(d) if d == 0 then return coroutine.running() end return coroutine.wrap(inner)(d - 1) end
	assert(inner(100))
	fails("C stack overflow", inner, 1000)
	local closed = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() n = 0 end}); coroutine.yield() end)
	coroutine.resume(closed)
	assert(coroutine.close(closed)); eq(n, 0)
	table.sort({3, 1, 2}, function(a, b) return a < b end)
	assert(not coroutine.isyieldable())
end)

test("load and dump", function()
	local env = {x = 5}
	eq(load("x = x + 1; return x", "chunk", "t", env)(), 6)
	local f = load(string.dump(function(a) return a * 2 end), "d", "b")
	eq(f(21), 42)
	assert(select(2, load("x = = 1", "=chunk")):find("^chunk:1:"))
	local parts = {"return ", "1", " + 1"}
	eq(load(function() return table.remove(parts, 1) end)(), 2)
	package.preload.mine = function(name) return {name = name} end
	eq(require("mine").name, "mine"); eq(require("mine"), package.loaded.mine)
	fails("module 'nowhere' not found", require, "nowhere")
end)

test("files", function()
	local name = os.tmpname()
	local f <close> = assert(io.open(name, "w+"))
	assert(f:setvbuf("full", 1024))
	for i = 1, 10000 do f:write(i, " ", i / 2, "\n") end
	eq(f:seek("set", 0), 0)
	local a, b = f:read("n", "n")
	eq(a, 1); eq(b, 0.5); eq(f:read("l"), ""); eq(f:read("L"), "2 1\n"); eq(f:read(3), "3 1")
	f:close()
	local n = 0
	for line in io.lines(name) do n = n + 1 end
	eq(n, 10000)
	for whole in io.lines(name, "a") do assert(#whole > 100000) break end
	eq(select(2, io.open("/nonexistent/x")), "/nonexistent/x: No such file or directory")
	eq(select(3, io.open("/nonexistent/x")), 2)
	assert(os.rename(name, name .. ".x")); assert(os.remove(name .. ".x"))
	eq(os.remove(name .. ".x"), nil)
	local t <close> = io.tmpfile()
	t:write("x"); t:seek("set"); eq(t:read("a"), "x"); eq(t:read(1), nil); eq(io.type(t), "file")
	fails("closed file", function() f:read() end)
end)

test("processes", function()
	eq(table.concat({select(2, os.execute("exit 3"))}, " "), "exit 3")
	eq(table.concat({select(2, os.execute("kill -9 $$"))}, " "), "signal 9")
	eq(os.execute("true"), true); eq(os.execute(), true)
	local p = assert(io.popen("cat; exit 5", "w"))
	p:write("")
	eq(table.concat({select(2, p:close())}, " "), "exit 5")
	p = io.popen("seq 10000")
	local sum = 0
	for n in p:lines("n") do sum = sum + n end
	eq(sum, 50005000); assert(p:close())
	local ps = {}
	for i = 1, 20 do ps[i] = io.popen("sleep 0.05; echo " .. i) end
	for i = 1, 20 do eq(ps[i]:read("n"), i); ps[i]:close() end
	p = io.popen(lua .. " -e 'print(io.read(\"n\", \"l\", \"a\"))' <<END\n12 rest\nof it\nEND")
	eq(p:read("a"), "12\t rest\tof it\n\n"); p:close()
	eq(select(3, os.execute(lua .. " -e 'os.exit(7, true)'")), 7)
	eq(select(3, os.execute(lua .. " -e 'error()' 2>/dev/null")), 1)
end)

test("the system", function()
	assert(os.getenv("PATH")); eq(os.getenv("NOT_SET_AT_ALL"), nil)
	eq(os.date("!%Y-%m-%d %H:%M:%S", 1000000000), "2001-09-09 01:46:40")
	eq(os.time({year = 2001, month = 9, day = 9, hour = 12}) % 60, 0)
	local t = os.date("*t", os.time({year = 2024, month = 14, day = 1, hour = 0}))
	eq(t.month, 2); eq(t.year, 2025); eq(os.setlocale(), "C"); eq(os.setlocale("C"), "C")
	local c = os.clock()
	repeat until os.clock() - c > 0.02
	assert(os.difftime(os.time(), 0) > 1e9)
	math.randomseed(42); local a = math.random(1, 1000); math.randomseed(42)
	eq(math.random(1, 1000), a)
	for i = 1, 1000 do local r = math.random(); assert(r >= 0 and r < 1) end
	eq(math.floor(-3.5), -4); eq(math.fmod(-7, 3), -1); assert(math.abs(math.sin(math.pi)) < 1e-15)
end)

test("debug", function()
	local count = 0
	debug.sethook(function() count = count + 1 end, "", 1000)
	for i = 1, 100000 do end
	debug.sethook()
	assert(count > 50)
	local function f(a) local b = 2; return debug.getlocal(1, 2) end
	eq(f(1), "b"); eq(debug.getinfo(f, "S").what, "Lua")
	local up = 5
	local function g() return up end
	debug.setupvalue(g, 1, 6)
	eq(g(), 6)
end)

test("numbers that take a while", function()
	local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
	eq(fib(25), 75025)
	local sieve, primes = {}, 0
	for i = 2, 200000 do
		if not sieve[i] then
			primes = primes + 1
			for k = i * i, 200000, i do sieve[k] = true end
		end
	end
	eq(primes, 17984)
end)

print(passed .. " passed")
