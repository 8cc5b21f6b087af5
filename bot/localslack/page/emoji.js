// The shortcodes that bots use most. An unknown one stays as it was written.

const TABLE = `
white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ x ❌ heavy_multiplication_x ✖️ no_entry ⛔
no_entry_sign 🚫 octagonal_sign 🛑 stop_sign 🛑 warning ⚠️ rotating_light 🚨 bangbang ‼️ exclamation ❗ question ❓
grey_question ❔ information_source ℹ️ hourglass ⌛ hourglass_flowing_sand ⏳ stopwatch ⏱️ timer_clock ⏲️ alarm_clock ⏰
clock1 🕐 clock3 🕒 clock9 🕘 calendar 📅 date 📅 lock 🔒 unlock 🔓 closed_lock_with_key 🔐 key 🔑 shield 🛡️
robot_face 🤖 eyes 👀 eye 👁️ mag 🔍 mag_right 🔎 bell 🔔 no_bell 🔕 mega 📣 loudspeaker 📢 pager 📟 phone ☎️
envelope ✉️ email 📧 inbox_tray 📥 outbox_tray 📤 memo 📝 pencil ✏️ pencil2 ✏️ clipboard 📋 page_facing_up 📄
scroll 📜 receipt 🧾 books 📚 bookmark 🔖 label 🏷️ paperclip 📎 link 🔗 chart_with_upwards_trend 📈
chart_with_downwards_trend 📉 bar_chart 📊 money_with_wings 💸 moneybag 💰 dollar 💵 credit_card 💳 bank 🏦
gear ⚙️ wrench 🔧 hammer 🔨 hammer_and_wrench 🛠️ package 📦 rocket 🚀 ship 🚢 fire 🔥 boom 💥 bomb 💣 zap ⚡
bulb 💡 wastebasket 🗑️ recycle ♻️ repeat 🔁 arrows_counterclockwise 🔄 leftwards_arrow_with_hook ↩️ arrow_right ➡️
arrow_left ⬅️ arrow_up ⬆️ arrow_down ⬇️ arrow_upper_right ↗️ twisted_rightwards_arrows 🔀 fast_forward ⏩ rewind ⏪
pause_button ⏸️ double_vertical_bar ⏸️ black_square_for_stop ⏹️ arrow_forward ▶️ red_circle 🔴 large_green_circle 🟢
large_yellow_circle 🟡 large_orange_circle 🟠 large_blue_circle 🔵 white_circle ⚪ black_circle ⚫ large_red_square 🟥
large_green_square 🟩 large_yellow_square 🟨 large_orange_square 🟧 large_blue_square 🟦 white_small_square ▫️
black_small_square ▪️ small_blue_diamond 🔹 small_orange_diamond 🔸 star ⭐ sparkles ✨ tada 🎉 trophy 🏆 crown 👑
thumbsup 👍 +1 👍 thumbsdown 👎 -1 👎 ok_hand 👌 raised_hand ✋ raised_hands 🙌 wave 👋 pray 🙏 clap 👏 muscle 💪
point_right 👉 point_left 👈 point_up ☝️ point_down 👇 heart ❤️ broken_heart 💔 smile 😄 slightly_smiling_face 🙂
thinking_face 🤔 disappointed 😞 sob 😭 scream 😱 sleeping 😴 zzz 💤 skull 💀 ghost 👻 bust_in_silhouette 👤
busts_in_silhouette 👥 detective 🕵️ male-technologist 👨‍💻 female-technologist 👩‍💻 technologist 🧑‍💻 globe_with_meridians 🌐
earth_africa 🌍 house 🏠 office 🏢 factory 🏭 floppy_disk 💾 computer 💻 desktop_computer 🖥️ file_folder 📁
open_file_folder 📂 card_index_dividers 🗂️ test_tube 🧪 dna 🧬 scales ⚖️ balance_scale ⚖️ construction 🚧 traffic_light 🚦
checkered_flag 🏁 triangular_flag_on_post 🚩 white_flag 🏳️ new 🆕 sos 🆘 one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣
`;

const words = TABLE.trim().split(/\s+/);
export const EMOJI = new Map();
for (let n = 0; n < words.length; n += 2) EMOJI.set(words[n], words[n + 1]);
