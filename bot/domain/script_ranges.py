"""The script of each letter.

From Unicode's Scripts.txt (18.0), © Unicode, Inc., under the Unicode License
(https://www.unicode.org/terms_of_use.html). Compatibility forms are left out: NFKC folds them.
"""

from __future__ import annotations

SCRIPTS = """\
0:- 41:Latn 5b:- 61:Latn 7b:- aa:Latn ab:- ba:Latn bb:- c0:Latn d7:- d8:Latn f7:- f8:Latn 2b9:- 2e0:Latn
2e5:- 2ea:Bopo 2ec:- 370:Grek 374:- 375:Grek 378:- 37a:Grek 37e:- 37f:Grek 380:- 384:Grek 385:- 386:Grek
387:- 388:Grek 38b:- 38c:Grek 38d:- 38e:Grek 3a2:- 3a3:Grek 3e2:Copt 3f0:Grek 400:Cyrl 485:- 487:Cyrl 530:-
531:Armn 557:- 558:Armn 590:- 591:Hebr 5ca:- 5d0:Hebr 5eb:- 5ef:Hebr 5f5:- 600:Arab 605:- 606:Arab 60c:-
60d:Arab 61b:- 61c:Arab 61f:- 620:Arab 640:- 641:Arab 64b:- 656:Arab 670:- 671:Arab 6dd:- 6de:Arab 700:Syrc
70e:- 70f:Syrc 74b:- 74d:Syrc 750:Arab 780:Thaa 7b2:- 7c0:Nkoo 7fb:- 7fd:Nkoo 800:Samr 82e:- 830:Samr 83f:-
840:Mand 85c:- 85e:Mand 85f:- 860:Syrc 86b:- 870:Arab 892:- 897:Arab 8e2:- 8e3:Arab 900:Deva 951:- 955:Deva
964:- 966:Deva 980:Beng 984:- 985:Beng 98d:- 98f:Beng 991:- 993:Beng 9a9:- 9aa:Beng 9b1:- 9b2:Beng 9b3:-
9b6:Beng 9ba:- 9bc:Beng 9c5:- 9c7:Beng 9c9:- 9cb:Beng 9cf:- 9d7:Beng 9d8:- 9dc:Beng 9de:- 9df:Beng 9e4:-
9e6:Beng 9ff:- a01:Guru a04:- a05:Guru a0b:- a0f:Guru a11:- a13:Guru a29:- a2a:Guru a31:- a32:Guru a34:-
a35:Guru a37:- a38:Guru a3a:- a3c:Guru a3d:- a3e:Guru a43:- a47:Guru a49:- a4b:Guru a4e:- a51:Guru a52:-
a59:Guru a5d:- a5e:Guru a5f:- a66:Guru a77:- a81:Gujr a84:- a85:Gujr a8e:- a8f:Gujr a92:- a93:Gujr aa9:-
aaa:Gujr ab1:- ab2:Gujr ab4:- ab5:Gujr aba:- abc:Gujr ac6:- ac7:Gujr aca:- acb:Gujr ace:- ad0:Gujr ad1:-
ae0:Gujr ae4:- ae6:Gujr af2:- af9:Gujr b00:- b01:Orya b04:- b05:Orya b0d:- b0f:Orya b11:- b13:Orya b29:-
b2a:Orya b31:- b32:Orya b34:- b35:Orya b3a:- b3c:Orya b45:- b47:Orya b49:- b4b:Orya b4e:- b53:Orya b58:-
b5c:Orya b5e:- b5f:Orya b64:- b66:Orya b78:- b82:Taml b84:- b85:Taml b8b:- b8e:Taml b91:- b92:Taml b96:-
b99:Taml b9b:- b9c:Taml b9d:- b9e:Taml ba0:- ba3:Taml ba5:- ba8:Taml bab:- bae:Taml bba:- bbe:Taml bc3:-
bc6:Taml bc9:- bca:Taml bce:- bd0:Taml bd1:- bd7:Taml bd8:- be6:Taml bfb:- c00:Telu c0d:- c0e:Telu c11:-
c12:Telu c29:- c2a:Telu c3a:- c3c:Telu c45:- c46:Telu c49:- c4a:Telu c4e:- c55:Telu c57:- c58:Telu c5b:-
c5c:Telu c5e:- c60:Telu c64:- c66:Telu c70:- c77:Telu c80:Knda c8d:- c8e:Knda c91:- c92:Knda ca9:- caa:Knda
cb4:- cb5:Knda cba:- cbc:Knda cc5:- cc6:Knda cc9:- cca:Knda cce:- cd5:Knda cd7:- cdc:Knda cdf:- ce0:Knda
ce4:- ce6:Knda cf0:- cf1:Knda cf4:- d00:Mlym d0d:- d0e:Mlym d11:- d12:Mlym d45:- d46:Mlym d49:- d4a:Mlym
d50:- d54:Mlym d64:- d66:Mlym d80:- d81:Sinh d84:- d85:Sinh d97:- d9a:Sinh db2:- db3:Sinh dbc:- dbd:Sinh
dbe:- dc0:Sinh dc7:- dca:Sinh dcb:- dcf:Sinh dd5:- dd6:Sinh dd7:- dd8:Sinh de0:- de6:Sinh df0:- df2:Sinh
df5:- e01:Thai e3b:- e40:Thai e5c:- e81:Laoo e83:- e84:Laoo e85:- e86:Laoo e8b:- e8c:Laoo ea4:- ea5:Laoo
ea6:- ea7:Laoo ebe:- ec0:Laoo ec5:- ec6:Laoo ec7:- ec8:Laoo ecf:- ed0:Laoo eda:- edc:Laoo ee0:- f00:Tibt
f48:- f49:Tibt f6d:- f71:Tibt f98:- f99:Tibt fbd:- fbe:Tibt fcd:- fce:Tibt fd5:- fd9:Tibt fdb:- 1000:Mymr
10a0:Geor 10c6:- 10c7:Geor 10c8:- 10cd:Geor 10ce:- 10d0:Geor 10fb:- 10fc:Geor 1100:Hang 1200:Ethi 1249:-
124a:Ethi 124e:- 1250:Ethi 1257:- 1258:Ethi 1259:- 125a:Ethi 125e:- 1260:Ethi 1289:- 128a:Ethi 128e:-
1290:Ethi 12b1:- 12b2:Ethi 12b6:- 12b8:Ethi 12bf:- 12c0:Ethi 12c1:- 12c2:Ethi 12c6:- 12c8:Ethi 12d7:-
12d8:Ethi 1311:- 1312:Ethi 1316:- 1318:Ethi 135b:- 135d:Ethi 137d:- 1380:Ethi 139a:- 13a0:Cher 13f6:-
13f8:Cher 13fe:- 1400:Cans 1680:Ogam 169d:- 16a0:Runr 16eb:- 16ee:Runr 16f9:- 1700:Tglg 1716:- 171f:Tglg
1720:Hano 1735:- 1740:Buhd 1754:- 1760:Tagb 176d:- 176e:Tagb 1771:- 1772:Tagb 1774:- 1780:Khmr 17de:-
17e0:Khmr 17ea:- 17f0:Khmr 17fa:- 1800:Mong 1802:- 1804:Mong 1805:- 1806:Mong 181a:- 1820:Mong 1879:-
1880:Mong 18ab:- 18b0:Cans 18f6:- 1900:Limb 191f:- 1920:Limb 192c:- 1930:Limb 193c:- 1940:Limb 1941:-
1944:Limb 1950:Tale 196e:- 1970:Tale 1975:- 1980:Talu 19ac:- 19b0:Talu 19ca:- 19d0:Talu 19db:- 19de:Talu
19e0:Khmr 1a00:Bugi 1a1c:- 1a1e:Bugi 1a20:Lana 1a5f:- 1a60:Lana 1a7d:- 1a7f:Lana 1a8a:- 1a90:Lana 1a9a:-
1aa0:Lana 1aae:- 1b00:Bali 1b4d:- 1b4e:Bali 1b80:Sund 1bc0:Batk 1bf4:- 1bfc:Batk 1c00:Lepc 1c38:- 1c3b:Lepc
1c4a:- 1c4d:Lepc 1c50:Olck 1c80:Cyrl 1c8b:- 1c90:Geor 1cbb:- 1cbd:Geor 1cc0:Sund 1cc8:- 1d00:Latn 1d26:Grek
1d2b:Cyrl 1d2c:Latn 1d5d:Grek 1d62:Latn 1d66:Grek 1d6b:Latn 1d78:Cyrl 1d79:Latn 1dbf:Grek 1dc0:- 1e00:Latn
1f00:Grek 1f16:- 1f18:Grek 1f1e:- 1f20:Grek 1f46:- 1f48:Grek 1f4e:- 1f50:Grek 1f58:- 1f59:Grek 1f5a:-
1f5b:Grek 1f5c:- 1f5d:Grek 1f5e:- 1f5f:Grek 1f7e:- 1f80:Grek 1fb5:- 1fb6:Grek 1fc5:- 1fc6:Grek 1fd4:-
1fd6:Grek 1fdc:- 1fdd:Grek 1ff0:- 1ff2:Grek 1ff5:- 1ff6:Grek 1fff:- 2071:Latn 2072:- 207f:Latn 2080:-
2090:Latn 20a0:- 2126:Grek 2127:- 212a:Latn 212c:- 2132:Latn 2133:- 214e:Latn 214f:- 2160:Latn 2189:-
2800:Brai 2900:- 2c00:Glag 2c60:Latn 2c80:Copt 2cf4:- 2cf9:Copt 2d00:Geor 2d26:- 2d27:Geor 2d28:- 2d2d:Geor
2d2e:- 2d30:Tfng 2d68:- 2d6f:Tfng 2d71:- 2d7f:Tfng 2d80:Ethi 2d97:- 2da0:Ethi 2da7:- 2da8:Ethi 2daf:-
2db0:Ethi 2db7:- 2db8:Ethi 2dbf:- 2dc0:Ethi 2dc7:- 2dc8:Ethi 2dcf:- 2dd0:Ethi 2dd7:- 2dd8:Ethi 2ddf:-
2de0:Cyrl 2e00:- 2e80:Hani 2e9a:- 2e9b:Hani 2ef4:- 2f00:Hani 2fd6:- 3005:Hani 3006:- 3007:Hani 3008:-
3021:Hani 302a:- 302e:Hang 3030:- 3038:Hani 303c:- 3041:Hira 3097:- 309d:Hira 30a0:- 30a1:Kana 30fb:-
30fd:Kana 3100:- 3105:Bopo 3130:- 3131:Hang 318f:- 31a0:Bopo 31c0:- 31f0:Kana 3200:Hang 321f:- 3260:Hang
327f:- 32d0:Kana 32ff:- 3300:Kana 3358:- 3400:Hani 4dc0:- 4e00:Hani a000:Yiii a48d:- a490:Yiii a4c7:-
a4d0:Lisu a500:Vaii a62c:- a640:Cyrl a6a0:Bamu a6f8:- a722:Latn a788:- a78b:Latn a7de:- a7e2:Latn a7e3:-
a7f1:Latn a800:Sylo a82d:- a840:Phag a878:- a880:Saur a8c6:- a8ce:Saur a8da:- a8e0:Deva a900:Kali a92e:-
a92f:Kali a930:Rjng a954:- a95f:Rjng a960:Hang a97d:- a980:Java a9ce:- a9d0:Java a9da:- a9de:Java a9e0:Mymr
a9ff:- aa00:Cham aa37:- aa40:Cham aa4e:- aa50:Cham aa5a:- aa5c:Cham aa60:Mymr aa80:Tavt aac3:- aadb:Tavt
aae0:Mtei aaf7:- ab01:Ethi ab07:- ab09:Ethi ab0f:- ab11:Ethi ab17:- ab20:Ethi ab27:- ab28:Ethi ab2f:-
ab30:Latn ab5b:- ab5c:Latn ab65:Grek ab66:Latn ab6a:- ab6c:Latn ab6e:- ab70:Cher abc0:Mtei abee:- abf0:Mtei
abfa:- ac00:Hang d7a4:- d7b0:Hang d7c7:- d7cb:Hang d7fc:- f900:Hani fa6e:- fa70:Hani fada:- fb00:Latn fb07:-
fb13:Armn fb18:- fb1d:Hebr fb37:- fb38:Hebr fb3d:- fb3e:Hebr fb3f:- fb40:Hebr fb42:- fb43:Hebr fb45:-
fb46:Hebr fb50:Arab fd3e:- fd40:Arab fdd0:- fdf0:Arab fe00:- fe2e:Cyrl fe30:- fe70:Arab fe75:- fe76:Arab
fefd:- ff21:Latn ff3b:- ff41:Latn ff5b:- ff66:Kana ff70:- ff71:Kana ff9e:- ffa0:Hang ffbf:- ffc2:Hang ffc8:-
ffca:Hang ffd0:- ffd2:Hang ffd8:- ffda:Hang ffdd:- 10000:Linb 1000c:- 1000d:Linb 10027:- 10028:Linb 1003b:-
1003c:Linb 1003e:- 1003f:Linb 1004e:- 10050:Linb 1005e:- 10080:Linb 100fb:- 10140:Grek 1018f:- 101a0:Grek
101a1:- 10280:Lyci 1029d:- 102a0:Cari 102d1:- 10300:Ital 10324:- 1032d:Ital 10330:Goth 1034b:- 10350:Perm
1037b:- 10380:Ugar 1039e:- 1039f:Ugar 103a0:Xpeo 103c4:- 103c8:Xpeo 103d6:- 10400:Dsrt 10450:Shaw 10480:Osma
1049e:- 104a0:Osma 104aa:- 104b0:Osge 104d4:- 104d8:Osge 104fc:- 10500:Elba 10528:- 10530:Aghb 10564:-
1056f:Aghb 10570:Vith 1057b:- 1057c:Vith 1058b:- 1058c:Vith 10593:- 10594:Vith 10596:- 10597:Vith 105a2:-
105a3:Vith 105b2:- 105b3:Vith 105ba:- 105bb:Vith 105bd:- 105c0:Todr 105f4:- 10600:Lina 10737:- 10740:Lina
10756:- 10760:Lina 10768:- 10780:Latn 10786:- 10787:Latn 107b1:- 107b2:Latn 107c0:- 10800:Cprt 10806:-
10808:Cprt 10809:- 1080a:Cprt 10836:- 10837:Cprt 10839:- 1083c:Cprt 1083d:- 1083f:Cprt 10840:Armi 10856:-
10857:Armi 10860:Palm 10880:Nbat 1089f:- 108a7:Nbat 108b0:- 108e0:Hatr 108f3:- 108f4:Hatr 108f6:- 108fb:Hatr
10900:Phnx 1091c:- 1091f:Phnx 10920:Lydi 1093a:- 1093f:Lydi 10940:Sidt 1095a:- 10980:Mero 109a0:Merc 109b8:-
109bc:Merc 109d0:- 109d2:Merc 10a00:Khar 10a04:- 10a05:Khar 10a07:- 10a0c:Khar 10a14:- 10a15:Khar 10a18:-
10a19:Khar 10a36:- 10a38:Khar 10a3b:- 10a3f:Khar 10a49:- 10a50:Khar 10a59:- 10a60:Sarb 10a80:Narb 10aa0:-
10ac0:Mani 10ae7:- 10aeb:Mani 10af7:- 10b00:Avst 10b36:- 10b39:Avst 10b40:Prti 10b56:- 10b58:Prti 10b60:Phli
10b73:- 10b78:Phli 10b80:Phlp 10b92:- 10b99:Phlp 10b9d:- 10ba9:Phlp 10bb0:- 10c00:Orkh 10c49:- 10c80:Hung
10cb3:- 10cc0:Hung 10cf3:- 10cfa:Hung 10d00:Rohg 10d28:- 10d30:Rohg 10d3a:- 10d40:Gara 10d66:- 10d69:Gara
10d86:- 10d8e:Gara 10d90:- 10e60:Arab 10e7f:- 10e80:Yezi 10eaa:- 10eab:Yezi 10eae:- 10eb0:Yezi 10eb2:-
10ec2:Arab 10ec8:- 10ec9:Arab 10eef:- 10ef0:Arab 10f00:Sogo 10f28:- 10f30:Sogd 10f5a:- 10f70:Ougr 10f8a:-
10fb0:Chrs 10fcc:- 10fe0:Elym 10ff7:- 11000:Brah 1104e:- 11052:Brah 11076:- 1107f:Brah 11080:Kthi 110c3:-
110cd:Kthi 110ce:- 110d0:Sora 110e9:- 110f0:Sora 110fa:- 11100:Cakm 11135:- 11136:Cakm 11148:- 11150:Mahj
11177:- 11180:Shrd 111e0:- 111e1:Sinh 111f5:- 11200:Khoj 11212:- 11213:Khoj 11242:- 11280:Mult 11287:-
11288:Mult 11289:- 1128a:Mult 1128e:- 1128f:Mult 1129e:- 1129f:Mult 112aa:- 112b0:Sind 112eb:- 112f0:Sind
112fa:- 11300:Gran 11304:- 11305:Gran 1130d:- 1130f:Gran 11311:- 11313:Gran 11329:- 1132a:Gran 11331:-
11332:Gran 11334:- 11335:Gran 1133a:- 1133c:Gran 11345:- 11347:Gran 11349:- 1134b:Gran 1134e:- 11350:Gran
11351:- 11357:Gran 11358:- 1135d:Gran 11364:- 11366:Gran 1136d:- 11370:Gran 11375:- 11380:Tutg 1138a:-
1138b:Tutg 1138c:- 1138e:Tutg 1138f:- 11390:Tutg 113b6:- 113b7:Tutg 113c1:- 113c2:Tutg 113c3:- 113c5:Tutg
113c6:- 113c7:Tutg 113cb:- 113cc:Tutg 113d6:- 113d7:Tutg 113d9:- 113e1:Tutg 113e3:- 11400:Newa 1145c:-
1145d:Newa 11462:- 11480:Tirh 114c8:- 114d0:Tirh 114da:- 11580:Sidd 115b6:- 115b8:Sidd 115de:- 11600:Modi
11645:- 11650:Modi 1165a:- 11660:Mong 1166d:- 11680:Takr 116ba:- 116c0:Takr 116ca:- 116d0:Mymr 116e4:-
11700:Ahom 1171b:- 1171d:Ahom 1172c:- 11730:Ahom 11747:- 11800:Dogr 1183c:- 118a0:Wara 118f3:- 118ff:Wara
11900:Diak 11907:- 11909:Diak 1190a:- 1190c:Diak 11914:- 11915:Diak 11917:- 11918:Diak 11936:- 11937:Diak
11939:- 1193b:Diak 11947:- 11950:Diak 1195a:- 119a0:Nand 119a8:- 119aa:Nand 119d8:- 119da:Nand 119e5:-
11a00:Zanb 11a48:- 11a50:Soyo 11aa3:- 11ab0:Cans 11ac0:Pauc 11af9:- 11b00:Deva 11b0b:- 11b60:Shrd 11b68:-
11bc0:Sunu 11be2:- 11bf0:Sunu 11bfa:- 11c00:Bhks 11c09:- 11c0a:Bhks 11c37:- 11c38:Bhks 11c46:- 11c50:Bhks
11c6d:- 11c70:Marc 11c90:- 11c92:Marc 11ca8:- 11ca9:Marc 11cb7:- 11d00:Gonm 11d07:- 11d08:Gonm 11d0a:-
11d0b:Gonm 11d37:- 11d3a:Gonm 11d3b:- 11d3c:Gonm 11d3e:- 11d3f:Gonm 11d48:- 11d50:Gonm 11d5a:- 11d60:Gong
11d66:- 11d67:Gong 11d69:- 11d6a:Gong 11d8f:- 11d90:Gong 11d92:- 11d93:Gong 11d99:- 11da0:Gong 11daa:-
11db0:Tols 11ddc:- 11de0:Tols 11dea:- 11df0:Beng 11df2:- 11ee0:Maka 11ef9:- 11f00:Kawi 11f11:- 11f12:Kawi
11f3b:- 11f3e:Kawi 11f5b:- 11fb0:Lisu 11fb1:- 11fc0:Taml 11ff2:- 11fff:Taml 12000:Xsux 1239a:- 12400:Xsux
12544:- 12550:Xsux 125a8:Pcun 1264c:Xsux 12687:- 12f90:Cpmn 12ff3:- 13000:Egyp 13456:- 13460:Egyp 143fb:-
14400:Hluw 14647:- 16100:Gukh 1613a:- 16800:Bamu 16a39:- 16a40:Mroo 16a5f:- 16a60:Mroo 16a6a:- 16a6e:Mroo
16a70:Tnsa 16abf:- 16ac0:Tnsa 16aca:- 16ad0:Bass 16aee:- 16af0:Bass 16af6:- 16b00:Hmng 16b46:- 16b50:Hmng
16b5a:- 16b5b:Hmng 16b62:- 16b63:Hmng 16b78:- 16b7d:Hmng 16b90:- 16d40:Krai 16d7a:- 16e40:Medf 16e9b:-
16ea0:Berf 16eb9:- 16ebb:Berf 16ed4:- 16f00:Plrd 16f4b:- 16f4f:Plrd 16f88:- 16f8f:Plrd 16fa0:- 16fe0:Tang
16fe1:Nshu 16fe2:Hani 16fe4:Kits 16fe5:- 16ff0:Hani 16ff7:- 17000:Tang 18b00:Kits 18cdb:- 18cff:Kits
18d00:Tang 18d21:- 18d80:Tang 18df3:- 18e00:Jurc 19192:- 191a0:Jurc 191d3:- 1aff0:Kana 1aff4:- 1aff5:Kana
1affc:- 1affd:Kana 1afff:- 1b000:Kana 1b001:Hira 1b120:Kana 1b123:Hira 1b124:Kana 1b129:- 1b132:Hira 1b133:-
1b150:Hira 1b153:- 1b155:Kana 1b156:- 1b164:Kana 1b169:- 1b170:Nshu 1b2fc:- 1bc00:Dupl 1bc6b:- 1bc70:Dupl
1bc7d:- 1bc80:Dupl 1bc89:- 1bc90:Dupl 1bc9a:- 1bc9c:Dupl 1bca0:- 1d200:Grek 1d246:- 1d800:Sgnw 1da8c:-
1da9b:Sgnw 1daa0:- 1daa1:Sgnw 1dab0:- 1df00:Latn 1df82:- 1df90:Latn 1df97:- 1dfcd:Latn 1dff3:Grek 1dff5:Latn
1e000:Glag 1e007:- 1e008:Glag 1e019:- 1e01b:Glag 1e022:- 1e023:Glag 1e025:- 1e026:Glag 1e02b:- 1e030:Cyrl
1e06e:- 1e08f:Cyrl 1e090:- 1e100:Hmnp 1e12d:- 1e130:Hmnp 1e13e:- 1e140:Hmnp 1e14a:- 1e14e:Hmnp 1e150:-
1e290:Toto 1e2af:- 1e2c0:Wcho 1e2fa:- 1e2ff:Wcho 1e300:- 1e4d0:Nagm 1e4fa:- 1e5d0:Onao 1e5fb:- 1e5ff:Onao
1e600:- 1e6c0:Tayo 1e6df:- 1e6e0:Tayo 1e6f6:- 1e6fe:Tayo 1e700:- 1e7e0:Ethi 1e7e7:- 1e7e8:Ethi 1e7ec:-
1e7ed:Ethi 1e7ef:- 1e7f0:Ethi 1e7ff:- 1e800:Mend 1e8c5:- 1e8c7:Mend 1e8d7:- 1e900:Adlm 1e94c:- 1e950:Adlm
1e95a:- 1e95e:Adlm 1e960:- 1ee00:Arab 1ee04:- 1ee05:Arab 1ee20:- 1ee21:Arab 1ee23:- 1ee24:Arab 1ee25:-
1ee27:Arab 1ee28:- 1ee29:Arab 1ee33:- 1ee34:Arab 1ee38:- 1ee39:Arab 1ee3a:- 1ee3b:Arab 1ee3c:- 1ee42:Arab
1ee43:- 1ee47:Arab 1ee48:- 1ee49:Arab 1ee4a:- 1ee4b:Arab 1ee4c:- 1ee4d:Arab 1ee50:- 1ee51:Arab 1ee53:-
1ee54:Arab 1ee55:- 1ee57:Arab 1ee58:- 1ee59:Arab 1ee5a:- 1ee5b:Arab 1ee5c:- 1ee5d:Arab 1ee5e:- 1ee5f:Arab
1ee60:- 1ee61:Arab 1ee63:- 1ee64:Arab 1ee65:- 1ee67:Arab 1ee6b:- 1ee6c:Arab 1ee73:- 1ee74:Arab 1ee78:-
1ee79:Arab 1ee7d:- 1ee7e:Arab 1ee7f:- 1ee80:Arab 1ee8a:- 1ee8b:Arab 1ee9c:- 1eea1:Arab 1eea4:- 1eea5:Arab
1eeaa:- 1eeab:Arab 1eebc:- 1eef0:Arab 1eef2:- 1f200:Hira 1f201:- 20000:Hani 2a6e0:- 2a700:Hani 2b81f:-
2b820:Hani 2ceae:- 2ceb0:Hani 2ebe1:- 2ebf0:Hani 2ee5e:- 2f800:Hani 2fa1e:- 30000:Hani 3134b:- 31350:Hani
3347a:- 3d000:Seal 3fc40:-
"""
"""The start of each run of one script, in order, as `41:Latn`. `-` stands for no script, or any script."""

SHARED = {
    "Arab": "640 64b-655 670",
    "Copt": "102e0-102fb",
    "Deva": "951-954",
    "Hani": "3006 302a-302d 1d372-1d376",
    "Java": "a9cf",
    "Kana": "30fc",
}
"""Characters that Unicode gives no script, by the script that they are written with (Script_Extensions)."""
